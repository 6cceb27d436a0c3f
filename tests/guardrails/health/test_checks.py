"""Each check on what was read, without AWS: what is right, what is wrong, and what nobody knows."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from guardrails.accounts.account import Account
from guardrails.accounts.response import Response
from guardrails.health import functions as checks
from guardrails.health import regions, roles, starting
from guardrails.health.expectations import ExpectedFunction, base_files, expected, packages_of
from guardrails.health.facts import (
    FunctionActivity,
    FunctionFacts,
    FunctionLog,
    RegionFacts,
    RoleFacts,
    TrailFacts,
    Unread,
)
from guardrails.health.region_reading import deployed_form
from guardrails.health.verdict import HealthState, HealthVerdict, deploy
from guardrails.policies.policy import load

ACCOUNT, REGION = Account("111111111111", "red", ("eu-west-1",)), "eu-west-1"
RESTART, GROUPS, ACLS = "cloudtrail-logging-restart", "security-group-admin-ports", "s3-account-public-acls-ignored"
DENIED = Unread("AccessDenied on Something")
Facts = Mapping[str, Any]
OK, BROKEN, UNKNOWN = HealthState


@cache
def wanted(name: str) -> ExpectedFunction:
    [policy] = [policy for policy in load() if policy.name == name]
    [(made,)] = expected([policy], ACCOUNT, REGION, {}, [Response.HEAL])
    assert not made.problem
    return made


def region(**read: Any) -> RegionFacts:
    nothing: dict[str, Any] = {"functions": {}, "rules": {}, "config_rules": {}, "recorders": [], "trails": []}
    return RegionFacts(**{**nothing, **read})


def said(verdict: HealthVerdict, state: HealthState, part: str = "") -> None:
    assert (verdict.state, part in verdict.reason) == (state, True), verdict
    assert verdict.state is OK or verdict.remedy


@pytest.mark.parametrize(("found", "state", "part"), [
    ({"Configuration": {"State": "Active", "LastUpdateStatus": "Successful"}}, OK, ""),
    ({"Configuration": {"State": "Inactive"}}, OK, ""),
    ({"Configuration": {"State": "Pending"}}, UNKNOWN, "Pending"),
    ({"Configuration": {"State": "Failed", "StateReason": "no subnet"}}, BROKEN, "no subnet"),
    ({"Configuration": {"State": "Active", "LastUpdateStatus": "Failed"}}, BROKEN, "last update"),
    ({"Configuration": {"State": "Active"}, "Concurrency": {"ReservedConcurrentExecutions": 0}}, BROKEN, "is 0"),
])
def test_a_functions_state(found: Facts, state: HealthState, part: str) -> None:
    said(checks.function(found), state, part)


def test_a_function_is_compared_with_todays_policy_and_code() -> None:
    of = wanted(RESTART)
    code = dict(base_files(packages_of(of.policy)))

    def judged(data: Facts = of.data, files: Facts = code, archive: Any = None) -> HealthVerdict:
        facts = archive or {"config": {"policies": [data]}, "files": {**files, "config.json": 1}}
        return checks.policy(of, FunctionFacts({"Configuration": {"CodeSha256": "another"}}, archive=facts))

    said(checks.policy(of, FunctionFacts({"Configuration": {"CodeSha256": of.sha256}})), OK)
    # Packed by another machine, or with another place for its reports: the same.
    elsewhere = {**of.data["mode"], "execution-options": {"output_dir": "s3://b"}}
    said(judged({**of.data, "mode": elsewhere}), OK)
    said(judged({**of.data, "actions": []}), BROKEN, "not up to date with the policy's actions")
    said(judged(files={**code, "custom_actions/aws/calls.py": 1}), BROKEN,
         "checkout: custom_actions/aws/calls.py")
    said(judged(archive=DENIED), UNKNOWN, "AccessDenied")
    said(checks.policy(replace(of, in_force=False), FunctionFacts({})), BROKEN, "do not hold")


def test_an_event_rule_is_there_enabled_and_says_the_same() -> None:
    of = wanted("security-group-admin-ports-revert")
    events = ["ModifySecurityGroupRules", "AuthorizeSecurityGroupIngress"]
    assert of.pattern is not None
    assert set(of.pattern["detail"]["eventName"]) >= set(events)
    reordered = {**of.pattern, "detail": {
        "eventName": sorted(of.pattern["detail"]["eventName"], reverse=True), "eventSource": ["ec2.amazonaws.com"]}}

    def judged(**rule: Any) -> HealthVerdict:
        full = {"State": "ENABLED", "EventPattern": json.dumps(reordered), **rule}
        return starting.event_rule(of, region(rules={of.function: full}))

    said(judged(), OK)
    said(judged(State="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"), OK)
    said(judged(State="DISABLED"), BROKEN, "disabled")
    said(judged(EventPattern='{"detail-type": ["x"]}'), BROKEN, "pattern")
    said(judged(ScheduleExpression="rate(1 day)"), BROKEN, "schedule")
    said(starting.event_rule(of, region()), BROKEN, "does not exist")
    said(starting.event_rule(of, region(rules=DENIED)), UNKNOWN, "AccessDenied")


@pytest.mark.parametrize(("change", "lets"), [
    ({}, True), ({"Condition": {}}, True), ({"Action": "lambda:*"}, True), ({"Effect": "Deny"}, False),
    ({"Principal": {"Service": "config.amazonaws.com"}}, False), ({"Action": "lambda:GetFunction"}, False),
    ({"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:eu-west-1:111111111111:rule/other"}}}, False),
    ({"Condition": {"StringEquals": {"AWS:SourceAccount": "222222222222"}}}, False),
])
def test_a_function_lets_its_rule_call_it(change: Facts, lets: bool) -> None:
    of = wanted(RESTART)
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "lambda:InvokeFunction",
        "Condition": {"ArnLike": {"AWS:SourceArn": of.rule_arn}}, **change}
    verdict = starting.permission(of, FunctionFacts({}, statements=[statement]), "events.amazonaws.com", of.rule_arn)
    said(verdict, OK if lets else BROKEN)


def test_a_config_rule_says_the_same() -> None:
    of = wanted(GROUPS)
    assert of.config_rule is not None

    def judged(**rule: Any) -> HealthVerdict:
        assert of.config_rule is not None
        return starting.config_rule(of, region(config_rules={of.function: {**of.config_rule, **rule}}))

    said(judged(ConfigRuleState="ACTIVE"), OK)
    said(judged(ConfigRuleState="DELETING"), BROKEN, "DELETING")
    said(judged(Scope={"ComplianceResourceTypes": ["AWS::EC2::VPC"]}), BROKEN, "scope")
    said(judged(Source={**of.config_rule["Source"], "SourceIdentifier": "arn:other"}), BROKEN, "function")
    said(judged(MaximumExecutionFrequency="One_Hour"), OK)  # AWS Config ignores it without scheduled messages
    said(judged(Description="another"), OK)
    said(starting.config_rule(of, region()), BROKEN, "does not exist")
    said(starting.config_rule(of, region(config_rules=DENIED)), UNKNOWN)


TRUSTED = {"AssumeRolePolicyDocument": {"Statement": {
    "Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com"]}, "Action": "sts:AssumeRole"}}}


def test_a_role_is_there_and_trusts_lambda() -> None:
    said(roles.role_there(RoleFacts(TRUSTED)), OK)
    said(roles.role_there(RoleFacts({"AssumeRolePolicyDocument": {}})), BROKEN, "trust")
    said(roles.role_there(RoleFacts(None)), BROKEN, "does not exist")
    said(roles.role_there(RoleFacts(DENIED)), UNKNOWN)


@pytest.mark.parametrize(("decision", "granted", "state"), [
    ("allowed", DENIED, OK), ("explicitDeny", ("*",), BROKEN), ("implicitDeny", ("s3:*",), BROKEN),
    # On some resources only, which the simulation was not asked about.
    ("implicitDeny", ("cloudtrail:*", "LOGS:*", "tag:*", "sts:*", "iam:*", "sns:*", "sqs:*", "dynamodb:*"), OK),
    ("implicitDeny", DENIED, UNKNOWN),
    # Without a simulation: what no policy names is missing all the same, the rest is not known.
    (DENIED, ("s3:*",), BROKEN), (DENIED, ("*",), UNKNOWN), (DENIED, DENIED, UNKNOWN),
])
def test_a_role_is_allowed_what_the_policy_calls(decision: Any, granted: Any, state: HealthState) -> None:
    of = wanted(RESTART)
    decisions = decision if isinstance(decision, Unread) else dict.fromkeys(of.permissions, decision)
    verdict = roles.permissions(of, RoleFacts(TRUSTED, decisions, granted))
    said(verdict, state, "cloudtrail:DescribeTrails" if state is not OK else "")


def trail(*, logging: Any = True, **selectors: Any) -> TrailFacts:
    return TrailFacts("t", logging, selectors if selectors else {"EventSelectors": [{"ReadWriteType": "All"}]})


def advanced(*fields: Facts) -> TrailFacts:
    return trail(AdvancedEventSelectors=[{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Management"]}, *fields]}])


@pytest.mark.parametrize(("trails", "state"), [
    ([trail()], OK), ([], BROKEN), (DENIED, UNKNOWN), ([trail(logging=False)], BROKEN),
    ([trail(logging=DENIED)], UNKNOWN), ([trail(logging=DENIED), trail()], OK),
    ([trail(EventSelectors=[{"ReadWriteType": "ReadOnly"}])], BROKEN),
    ([trail(EventSelectors=[{"ReadWriteType": "WriteOnly"}])], OK),
    ([trail(EventSelectors=[{"IncludeManagementEvents": False}])], BROKEN),
    ([trail(EventSelectors=[{"ExcludeManagementEventSources": ["cloudtrail.amazonaws.com"]}])], BROKEN),
    ([advanced()], OK), ([advanced({"Field": "readOnly", "Equals": ["true"]})], BROKEN),
    ([advanced({"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]})], OK),
    ([advanced({"Field": "eventSource", "NotEquals": ["cloudtrail.amazonaws.com"]})], BROKEN),
    ([advanced({"Field": "resources.type", "Equals": ["AWS::S3::Object"]})], BROKEN),
])
def test_a_trail_tells_of_the_calls(trails: Any, state: HealthState) -> None:
    said(regions.trail([wanted(RESTART)], trails), state)


@pytest.mark.parametrize(("recorders", "state", "part"), [
    ([{}], BROKEN, "is off"), ([], BROKEN, "no recorder"), (DENIED, UNKNOWN, ""),
    ([{"servicePrincipal": "x.amazonaws.com", "status": {"recording": True}}], BROKEN, "no recorder"),
    ([{"recordingGroup": {"allSupported": True}}], OK, ""),
    ([{"recordingGroup": {"resourceTypes": ["AWS::EC2::SecurityGroup"]}}], OK, ""),
    ([{"recordingGroup": {"resourceTypes": ["AWS::EC2::VPC"]}}], BROKEN, "not record AWS::EC2::SecurityGroup"),
    ([{"recordingGroup": {"exclusionByResourceTypes": {"resourceTypes": ["AWS::EC2::VPC"]}}}], OK, ""),
    ([{"recordingGroup": {"allSupported": True}, "status": {"recording": True, "lastStatus": "FAILURE",
                                                            "lastErrorCode": "NoBucket"}}], BROKEN, "NoBucket"),
])
def test_aws_config_records_what_is_judged(recorders: Any, state: HealthState, part: str) -> None:
    if not isinstance(recorders, Unread):
        recorders = [{"name": "d", "status": {"recording": "recordingGroup" in each}, **each} for each in recorders]
    said(regions.recorder([wanted(GROUPS)], recorders), state, part)


QUIET = FunctionActivity(0, 0, 0, 0)


@pytest.mark.parametrize(("activity", "log", "state", "part"), [
    (QUIET, None, OK, "did not run"), (FunctionActivity(3, 0, 0, 0), FunctionLog(True, ()), OK, ""),
    (FunctionActivity(3, 2, 0, 0), FunctionLog(True, ("[ERROR] it",)), BROKEN,
     "2 runs failed; last in its log: [ERROR] it"),
    (FunctionActivity(3, 0, 1, 0), DENIED, BROKEN, "throttled"), (FunctionActivity(3, 0, 0, 1), None, BROKEN, "lost"),
    (DENIED, FunctionLog(True, ("[ERROR] it",)), BROKEN, "1 errors"), (DENIED, None, UNKNOWN, "CloudWatch"),
    (FunctionActivity(3, 0, 0, 0), DENIED, UNKNOWN, "log"), (FunctionActivity(3, 0, 0, 0), None, UNKNOWN, "no log"),
    (QUIET, FunctionLog(True, ()), UNKNOWN, "counted no run"),
])
def test_errors_of_the_last_day(activity: Any, log: Any, state: HealthState, part: str) -> None:
    said(checks.errors(activity, log), state, part)


@pytest.mark.parametrize(("activity", "log", "age", "state", "part"), [
    (FunctionActivity(1, 0, 0, 0), None, None, OK, ""), (QUIET, FunctionLog(True, ()), None, OK, ""),
    (QUIET, None, timedelta(hours=1), OK, "deployed after"), (QUIET, None, timedelta(days=3), BROKEN, "24"),
    (QUIET, FunctionLog(False, ()), None, BROKEN, "has not run in more than a day"),
    (DENIED, None, None, UNKNOWN, "CloudWatch"), (QUIET, DENIED, None, UNKNOWN, "log"),
])
def test_what_is_due_every_day_has_run(
    activity: Any, log: Any, age: timedelta | None, state: HealthState, part: str
) -> None:
    facts = FunctionFacts(activity=activity, log=log, age=age)
    [verdict] = checks.runs(wanted(ACLS), facts)
    said(verdict, state, part)
    assert list(checks.runs(wanted(RESTART), facts)) == []


@pytest.mark.parametrize(("status", "state", "part"), [
    ({}, OK, "not been evaluated"), (DENIED, UNKNOWN, "AccessDenied"),
    ({"LastSuccessfulInvocationTime": 2, "LastFailedInvocationTime": 1, "LastErrorCode": "old"}, OK, ""),
    ({"LastSuccessfulInvocationTime": 1, "LastFailedEvaluationTime": 2, "LastErrorCode": "E", "LastErrorMessage": "m"},
     BROKEN, "the last evaluation failed: E m"),
    ({"LastFailedInvocationTime": 2}, BROKEN, "gives no reason"),
])
def test_aws_config_could_evaluate(status: Any, state: HealthState, part: str) -> None:
    of = wanted(GROUPS)
    [verdict] = starting.evaluations(of, region(config_rules={of.function: {"status": status}}))
    said(verdict, state, part)
    assert list(starting.evaluations(of, region())) == []


@pytest.mark.parametrize(("waiting", "states"), [
    (0, [OK]), (2, [BROKEN]), (None, [BROKEN]), (DENIED, [UNKNOWN]),
])
def test_a_dead_letter_queue(waiting: Any, states: Sequence[HealthState]) -> None:
    with_queue = {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:eu-west-1:111111111111:dead"}}
    assert [each.state for each in checks.dead_letters(with_queue, waiting)] == states
    assert list(checks.dead_letters({}, waiting)) == []


def test_what_was_never_deployed_is_no_fault_unless_it_was_asked_for() -> None:
    of, nobody = wanted(ACLS), RoleFacts(None)
    assert checks.function_verdicts(of, FunctionFacts(), region(), nobody, named=False) == []
    [asked] = checks.function_verdicts(of, FunctionFacts(), region(), nobody, named=True)
    said(asked, BROKEN, "not deployed")
    [left] = checks.function_verdicts(of, FunctionFacts(), region(rules={of.function: {}}), nobody, named=False)
    said(left, BROKEN, "event rule exists")


def test_nothing_that_was_not_read_is_ok() -> None:
    of = wanted(RESTART)
    facts = FunctionFacts(
        {"Configuration": {"CodeSha256": "other", "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:a:1:q"}}}, DENIED,
        DENIED, DENIED, DENIED, DENIED, DENIED, DENIED)
    read = region(rules=DENIED, config_rules=DENIED, recorders=DENIED, trails=DENIED)
    for each in (of, wanted(GROUPS)):
        verdicts = checks.function_verdicts(each, facts, read, RoleFacts(DENIED), named=False)
        # The settings were read: all of them are other.
        assert {verdict.check for verdict in verdicts if verdict.state is not UNKNOWN} == {"settings"}
    assert regions.region_verdicts([of], region(functions=DENIED))[0].state is UNKNOWN


def test_the_form_that_is_deployed_is_looked_for_and_made_again() -> None:
    [policy] = [policy for policy in load() if policy.name == RESTART]
    [forms] = expected([policy], ACCOUNT, REGION, {}, [Response.OBSERVE, Response.HEAL])
    tells, heals = forms
    assert "cloudtrail:StartLogging" in heals.permissions
    assert "cloudtrail:StartLogging" not in tells.permissions
    for sha256, form, remedy in (
        (heals.sha256, heals, f"guardrails deploy {RESTART} --heal"),
        (tells.sha256, tells, f"guardrails deploy {RESTART}"),
        ("another", tells, f"guardrails deploy {RESTART} [--heal]"),
    ):
        found = deployed_form(forms, {heals.function: {"CodeSha256": sha256}})
        assert (found.sha256, deploy(found)) == (form.sha256, remedy)
