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
from guardrails.health.expectations import Expected, base_files, expected, packages_of
from guardrails.health.facts import Activity, FunctionFacts, LogLines, RegionFacts, RoleFacts, Trail, Unread
from guardrails.health.reading import deployed_form
from guardrails.health.verdict import State, Verdict, deploy
from guardrails.policies.policy import load

ACCOUNT, REGION = Account("111111111111", "red", ("eu-west-1",)), "eu-west-1"
RESTART, GROUPS, ACLS = "cloudtrail-logging-restart", "security-group-admin-ports", "s3-account-public-acls-ignored"
DENIED = Unread("AccessDenied on Something")
Facts = Mapping[str, Any]


@cache
def wanted(name: str) -> Expected:
    [policy] = [policy for policy in load() if policy.name == name]
    [(made,)] = expected([policy], ACCOUNT, REGION, {}, [Response.HEAL])
    assert not made.problem
    return made


def region(**read: Any) -> RegionFacts:
    nothing: dict[str, Any] = {"functions": {}, "rules": {}, "config_rules": {}, "recorders": [], "trails": []}
    return RegionFacts(**{**nothing, **read})


def said(verdict: Verdict, state: State, part: str = "") -> None:
    assert (verdict.state, part in verdict.reason) == (state, True), verdict
    assert verdict.state is State.OK or verdict.remedy


@pytest.mark.parametrize(("found", "state", "part"), [
    ({"Configuration": {"State": "Active", "LastUpdateStatus": "Successful"}}, State.OK, ""),
    ({"Configuration": {"State": "Inactive"}}, State.OK, ""),
    ({"Configuration": {"State": "Pending"}}, State.UNKNOWN, "Pending"),
    ({"Configuration": {"State": "Failed", "StateReason": "no subnet"}}, State.BROKEN, "no subnet"),
    ({"Configuration": {"State": "Active", "LastUpdateStatus": "Failed"}}, State.BROKEN, "last update"),
    ({"Configuration": {"State": "Active"}, "Concurrency": {"ReservedConcurrentExecutions": 0}}, State.BROKEN, "is 0"),
])
def test_a_functions_state(found: Facts, state: State, part: str) -> None:
    said(checks.function(found), state, part)


def test_a_function_is_compared_with_todays_policy_and_code() -> None:
    of = wanted(RESTART)
    code = dict(base_files(packages_of(of.policy)))

    def judged(data: Facts = of.data, files: Facts = code, archive: Any = None) -> Verdict:
        facts = archive or {"config": {"policies": [data]}, "files": {**files, "config.json": 1}}
        return checks.policy(of, FunctionFacts({"Configuration": {"CodeSha256": "another"}}, archive=facts))

    said(checks.policy(of, FunctionFacts({"Configuration": {"CodeSha256": of.sha256}})), State.OK)
    # Packed by another machine, or with another place for its reports: the same.
    elsewhere = {**of.data["mode"], "execution-options": {"output_dir": "s3://b"}}
    said(judged({**of.data, "mode": elsewhere}), State.OK)
    said(judged({**of.data, "actions": []}), State.BROKEN, "behind the policy in actions")
    said(judged(files={**code, "custom_actions/aws/calls.py": 1}), State.BROKEN,
         "checkout's: custom_actions/aws/calls.py")
    said(judged(archive=DENIED), State.UNKNOWN, "AccessDenied")
    said(checks.policy(replace(of, in_force=False), FunctionFacts({})), State.BROKEN, "do not hold")


def test_an_event_rule_is_there_enabled_and_says_the_same() -> None:
    of = wanted("security-group-admin-ports-revert")
    events = ["ModifySecurityGroupRules", "AuthorizeSecurityGroupIngress"]
    assert of.pattern is not None
    assert set(of.pattern["detail"]["eventName"]) >= set(events)
    reordered = {**of.pattern, "detail": {
        "eventName": sorted(of.pattern["detail"]["eventName"], reverse=True), "eventSource": ["ec2.amazonaws.com"]}}

    def judged(**rule: Any) -> Verdict:
        full = {"State": "ENABLED", "EventPattern": json.dumps(reordered), **rule}
        return starting.event_rule(of, region(rules={of.function: full}))

    said(judged(), State.OK)
    said(judged(State="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"), State.OK)
    said(judged(State="DISABLED"), State.BROKEN, "disabled")
    said(judged(EventPattern='{"detail-type": ["x"]}'), State.BROKEN, "pattern")
    said(judged(ScheduleExpression="rate(1 day)"), State.BROKEN, "schedule")
    said(starting.event_rule(of, region()), State.BROKEN, "none")
    said(starting.event_rule(of, region(rules=DENIED)), State.UNKNOWN, "AccessDenied")


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
    verdict = starting.invocable(of, FunctionFacts({}, statements=[statement]), "events.amazonaws.com", of.rule_arn)
    said(verdict, State.OK if lets else State.BROKEN)


def test_a_config_rule_says_the_same() -> None:
    of = wanted(GROUPS)
    assert of.config_rule is not None

    def judged(**rule: Any) -> Verdict:
        assert of.config_rule is not None
        return starting.config_rule(of, region(config_rules={of.function: {**of.config_rule, **rule}}))

    said(judged(ConfigRuleState="ACTIVE"), State.OK)
    said(judged(ConfigRuleState="DELETING"), State.BROKEN, "DELETING")
    said(judged(Scope={"ComplianceResourceTypes": ["AWS::EC2::VPC"]}), State.BROKEN, "scope")
    said(judged(Source={**of.config_rule["Source"], "SourceIdentifier": "arn:other"}), State.BROKEN, "function")
    said(starting.config_rule(of, region()), State.BROKEN, "none")
    said(starting.config_rule(of, region(config_rules=DENIED)), State.UNKNOWN)


TRUSTED = {"AssumeRolePolicyDocument": {"Statement": {
    "Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com"]}, "Action": "sts:AssumeRole"}}}


def test_a_role_is_there_and_trusts_lambda() -> None:
    said(roles.role_there(RoleFacts(TRUSTED)), State.OK)
    said(roles.role_there(RoleFacts({"AssumeRolePolicyDocument": {}})), State.BROKEN, "trust")
    said(roles.role_there(RoleFacts(None)), State.BROKEN, "not there")
    said(roles.role_there(RoleFacts(DENIED)), State.UNKNOWN)


@pytest.mark.parametrize(("decision", "granted", "state"), [
    ("allowed", DENIED, State.OK), ("explicitDeny", ("*",), State.BROKEN), ("implicitDeny", ("s3:*",), State.BROKEN),
    # On some resources only, which the simulation was not asked about.
    ("implicitDeny", ("cloudtrail:*", "LOGS:*", "tag:*", "sts:*", "iam:*", "sns:*"), State.OK),
    ("implicitDeny", DENIED, State.UNKNOWN),
    # Without a simulation: what no policy names is missing all the same, the rest is not known.
    (DENIED, ("s3:*",), State.BROKEN), (DENIED, ("*",), State.UNKNOWN), (DENIED, DENIED, State.UNKNOWN),
])
def test_a_role_is_allowed_what_the_policy_calls(decision: Any, granted: Any, state: State) -> None:
    of = wanted(RESTART)
    decisions = decision if isinstance(decision, Unread) else dict.fromkeys(of.permissions, decision)
    verdict = roles.permissions(of, RoleFacts(TRUSTED, decisions, granted))
    said(verdict, state, "cloudtrail:DescribeTrails" if state is not State.OK else "")


def trail(*, logging: Any = True, **selectors: Any) -> Trail:
    return Trail("t", logging, selectors if selectors else {"EventSelectors": [{"ReadWriteType": "All"}]})


def advanced(*fields: Facts) -> Trail:
    return trail(AdvancedEventSelectors=[{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Management"]}, *fields]}])


@pytest.mark.parametrize(("trails", "state"), [
    ([trail()], State.OK), ([], State.BROKEN), (DENIED, State.UNKNOWN), ([trail(logging=False)], State.BROKEN),
    ([trail(logging=DENIED)], State.UNKNOWN), ([trail(logging=DENIED), trail()], State.OK),
    ([trail(EventSelectors=[{"ReadWriteType": "ReadOnly"}])], State.BROKEN),
    ([trail(EventSelectors=[{"ReadWriteType": "WriteOnly"}])], State.OK),
    ([trail(EventSelectors=[{"IncludeManagementEvents": False}])], State.BROKEN),
    ([trail(EventSelectors=[{"ExcludeManagementEventSources": ["cloudtrail.amazonaws.com"]}])], State.BROKEN),
    ([advanced()], State.OK), ([advanced({"Field": "readOnly", "Equals": ["true"]})], State.BROKEN),
    ([advanced({"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]})], State.OK),
    ([advanced({"Field": "eventSource", "NotEquals": ["cloudtrail.amazonaws.com"]})], State.BROKEN),
    ([advanced({"Field": "resources.type", "Equals": ["AWS::S3::Object"]})], State.BROKEN),
])
def test_a_trail_tells_of_the_calls(trails: Any, state: State) -> None:
    said(regions.trail([wanted(RESTART)], trails), state)


@pytest.mark.parametrize(("recorders", "state", "part"), [
    ([{}], State.BROKEN, "is off"), ([], State.BROKEN, "no recorder"), (DENIED, State.UNKNOWN, ""),
    ([{"servicePrincipal": "x.amazonaws.com", "status": {"recording": True}}], State.BROKEN, "no recorder"),
    ([{"recordingGroup": {"allSupported": True}}], State.OK, ""),
    ([{"recordingGroup": {"resourceTypes": ["AWS::EC2::SecurityGroup"]}}], State.OK, ""),
    ([{"recordingGroup": {"resourceTypes": ["AWS::EC2::VPC"]}}], State.BROKEN, "not record AWS::EC2::SecurityGroup"),
    ([{"recordingGroup": {"exclusionByResourceTypes": {"resourceTypes": ["AWS::EC2::VPC"]}}}], State.OK, ""),
    ([{"recordingGroup": {"allSupported": True}, "status": {"recording": True, "lastStatus": "FAILURE",
                                                            "lastErrorCode": "NoBucket"}}], State.BROKEN, "NoBucket"),
])
def test_aws_config_records_what_is_judged(recorders: Any, state: State, part: str) -> None:
    if not isinstance(recorders, Unread):
        recorders = [{"name": "d", "status": {"recording": "recordingGroup" in each}, **each} for each in recorders]
    said(regions.recorder([wanted(GROUPS)], recorders), state, part)


QUIET = Activity(0, 0, 0, 0)


@pytest.mark.parametrize(("activity", "log", "state", "part"), [
    (QUIET, None, State.OK, "did not run"), (Activity(3, 0, 0, 0), LogLines(True, ()), State.OK, ""),
    (Activity(3, 2, 0, 0), LogLines(True, ("[ERROR] it",)), State.BROKEN, "2 runs failed; last in its log: [ERROR] it"),
    (Activity(3, 0, 1, 0), DENIED, State.BROKEN, "throttled"), (Activity(3, 0, 0, 1), None, State.BROKEN, "lost"),
    (DENIED, LogLines(True, ("[ERROR] it",)), State.BROKEN, "1 errors"), (DENIED, None, State.UNKNOWN, "CloudWatch"),
    (Activity(3, 0, 0, 0), DENIED, State.UNKNOWN, "log"), (Activity(3, 0, 0, 0), None, State.UNKNOWN, "no log"),
    (QUIET, LogLines(True, ()), State.UNKNOWN, "counted no run"),
])
def test_errors_of_the_last_day(activity: Any, log: Any, state: State, part: str) -> None:
    said(checks.errors(activity, log), state, part)


@pytest.mark.parametrize(("activity", "log", "age", "state", "part"), [
    (Activity(1, 0, 0, 0), None, None, State.OK, ""), (QUIET, LogLines(True, ()), None, State.OK, ""),
    (QUIET, None, timedelta(hours=1), State.OK, "deployed since"), (QUIET, None, timedelta(days=3), State.BROKEN, "24"),
    (QUIET, LogLines(False, ()), None, State.BROKEN, "has not in more than a day"),
    (DENIED, None, None, State.UNKNOWN, "CloudWatch"), (QUIET, DENIED, None, State.UNKNOWN, "log"),
])
def test_what_is_due_every_day_has_run(
    activity: Any, log: Any, age: timedelta | None, state: State, part: str
) -> None:
    facts = FunctionFacts(activity=activity, log=log, age=age)
    [verdict] = checks.runs(wanted(ACLS), facts)
    said(verdict, state, part)
    assert list(checks.runs(wanted(RESTART), facts)) == []


@pytest.mark.parametrize(("status", "state", "part"), [
    ({}, State.OK, "not been evaluated"), (DENIED, State.UNKNOWN, "AccessDenied"),
    ({"LastSuccessfulInvocationTime": 2, "LastFailedInvocationTime": 1, "LastErrorCode": "old"}, State.OK, ""),
    ({"LastSuccessfulInvocationTime": 1, "LastFailedEvaluationTime": 2, "LastErrorCode": "E", "LastErrorMessage": "m"},
     State.BROKEN, "the last one failed: E m"),
    ({"LastFailedInvocationTime": 2}, State.BROKEN, "does not say why"),
])
def test_aws_config_could_evaluate(status: Any, state: State, part: str) -> None:
    of = wanted(GROUPS)
    [verdict] = starting.evaluations(of, region(config_rules={of.function: {"status": status}}))
    said(verdict, state, part)
    assert list(starting.evaluations(of, region())) == []


@pytest.mark.parametrize(("waiting", "states"), [
    (0, [State.OK]), (2, [State.BROKEN]), (None, [State.BROKEN]), (DENIED, [State.UNKNOWN]),
])
def test_a_dead_letter_queue(waiting: Any, states: Sequence[State]) -> None:
    with_queue = {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:eu-west-1:111111111111:dead"}}
    assert [each.state for each in checks.dead_letters(with_queue, waiting)] == states
    assert list(checks.dead_letters({}, waiting)) == []


def test_what_was_never_deployed_is_no_fault_unless_it_was_asked_for() -> None:
    of, nobody = wanted(ACLS), RoleFacts(None)
    assert checks.function_verdicts(of, FunctionFacts(), region(), nobody, named=False) == []
    [asked] = checks.function_verdicts(of, FunctionFacts(), region(), nobody, named=True)
    said(asked, State.BROKEN, "not deployed")
    [left] = checks.function_verdicts(of, FunctionFacts(), region(rules={of.function: {}}), nobody, named=False)
    said(left, State.BROKEN, "event rule is there")


def test_nothing_that_was_not_read_is_ok() -> None:
    of = wanted(RESTART)
    facts = FunctionFacts(
        {"Configuration": {"CodeSha256": "other", "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:a:1:q"}}}, DENIED,
        DENIED, DENIED, DENIED, DENIED, DENIED, DENIED)
    read = region(rules=DENIED, config_rules=DENIED, recorders=DENIED, trails=DENIED)
    for each in (of, wanted(GROUPS)):
        verdicts = checks.function_verdicts(each, facts, read, RoleFacts(DENIED), named=False)
        # The settings were read: all of them are other.
        assert {verdict.check for verdict in verdicts if verdict.state is not State.UNKNOWN} == {"settings"}
    assert regions.region_verdicts([of], region(functions=DENIED))[0].state is State.UNKNOWN


def test_the_form_that_is_deployed_is_looked_for_and_made_again() -> None:
    [policy] = [policy for policy in load() if policy.name == RESTART]
    [forms] = expected([policy], ACCOUNT, REGION, {}, [Response.OBSERVE, Response.HEAL])
    tells, heals = forms
    assert "cloudtrail:StartLogging" in heals.permissions
    assert "cloudtrail:StartLogging" not in tells.permissions
    for sha256, form, remedy in (
        (heals.sha256, heals, f"./run.sh deploy {RESTART} --heal"), (tells.sha256, tells, f"./run.sh deploy {RESTART}"),
        ("another", tells, f"./run.sh deploy {RESTART} [--heal]"),
    ):
        found = deployed_form(forms, {heals.function: {"CodeSha256": sha256}})
        assert (found.sha256, deploy(found)) == (form.sha256, remedy)
