"""What a deployment would change, and how it ended, from what c7n wants and AWS says."""
from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guardrails.accounts.account import Account
from guardrails.deployment.forms import marked
from guardrails.deployment.inventory import inventory
from guardrails.deployment.leftovers import switched_off
from guardrails.deployment.plans import (
    DeploymentChange,
    PlannedDeployment,
    outcomes,
    plan,
    settled,
)
from guardrails.deployment.triggers import config_rule_differences, event_rule_differences
from guardrails.policies.policy import Policy
from guardrails.results.state import State
from guardrails.runs.accounting import Check
from guardrails.yamlfile import YamlFile
from tests.guardrails.conftest import Cloud, role

RED = Account("111111111111", "red", ("us-east-1",))
DATA = {"name": "x", "resource": "aws.s3", "mode": {"type": "cloudtrail"}}
POLICY = Policy(DATA, YamlFile(Path("p.yml"), {}, None), 0)
KEY = (RED.name, "us-east-1", "x")
ARN = "arn:aws:lambda:us-east-1:111111111111:function:custodian-x"


def planned(change: DeploymentChange) -> PlannedDeployment:
    return PlannedDeployment(POLICY, RED, "us-east-1", change, "code")


@pytest.mark.parametrize(("state", "before", "after", "expected"), [
    (State.RAN, DeploymentChange.CREATE, DeploymentChange.UNCHANGED, "created"),
    (State.RAN, DeploymentChange.UPDATE, DeploymentChange.UNCHANGED, "updated"),
    # c7n says nothing, and the function is not there, or not as it should be.
    (State.RAN, DeploymentChange.CREATE, DeploymentChange.CREATE, "failed"),
    (State.NOT_RUN, DeploymentChange.UPDATE, DeploymentChange.UPDATE, "failed"),
    (State.RAN, DeploymentChange.UPDATE, DeploymentChange.UNKNOWN, "failed"),
    # A function from before proves nothing.
    (State.DENIED, DeploymentChange.UPDATE, DeploymentChange.UNCHANGED, "failed"),
    (State.SKIPPED, DeploymentChange.CREATE, DeploymentChange.OFF, "off"),
])
def test_outcome(state: State, before: DeploymentChange, after: DeploymentChange, expected: str) -> None:
    check = Check(POLICY, RED, "us-east-1", state, "why")
    [ended] = outcomes([check], {KEY: planned(before)}, {KEY: planned(after)})
    assert (ended.outcome, ended.failed) == (expected, expected == "failed")


def test_an_account_without_a_way_in_has_failed() -> None:
    [ended] = outcomes([Check(POLICY, RED, "us-east-1", State.DENIED, "no way in")], {}, {})
    assert (ended.failed, ended.reason) == (True, "no way in")


def test_what_could_not_be_asked_is_not_unchanged() -> None:
    assert settled(planned(DeploymentChange.UNKNOWN)).failed
    assert settled(planned(DeploymentChange.UNCHANGED)).outcome == "unchanged"


RULE = {
    "State": "ENABLED", "EventPattern": json.dumps({"detail": {"eventSource": ["a", "b"], "eventName": ["X"]}})}
TARGETS = [{"Id": "custodian-x", "Arn": ARN}]
PATTERN = json.dumps({"detail": {"eventName": ["X"], "eventSource": ["b", "a"]}})


@pytest.mark.parametrize(("rule", "targets", "expected"), [
    (RULE, TARGETS, []),
    (None, (), ["event rule"]),
    ({**RULE, "State": "DISABLED"}, TARGETS, ["event rule is disabled"]),
    ({**RULE, "EventPattern": json.dumps({"detail": {"eventSource": ["a"], "eventName": ["X"]}})}, TARGETS,
     ["event pattern"]),
    ({**RULE, "ScheduleExpression": "rate(1 day)"}, TARGETS, ["schedule"]),
    (RULE, [{"Id": "1", "Arn": f"{ARN}-other"}], ["target"]),
])
def test_event_rule(rule: dict[str, Any] | None, targets: Any, expected: list[str]) -> None:
    assert event_rule_differences(rule, PATTERN, None, targets, ARN) == expected


WANTED = {
    "ConfigRuleName": "custodian-x", "Description": "d", "Scope": {"ComplianceResourceTypes": ["AWS::S3::Bucket"]},
    "Source": {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": ARN, "SourceDetails": [
        {"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}]},
}
TICKS = {**WANTED["Source"], "SourceDetails": [{"EventSource": "aws.config", "MessageType": "ScheduledNotification"}]}
POLLS = {**WANTED, "Source": TICKS, "MaximumExecutionFrequency": "One_Hour"}


@pytest.mark.parametrize(("rule", "wanted", "expected"), [
    ({**WANTED, "ConfigRuleState": "ACTIVE", "EvaluationModes": [{"Mode": "DETECTIVE"}]}, WANTED, []),
    (None, WANTED, ["Config rule"]),
    ({**WANTED, "ConfigRuleState": "DELETING"}, WANTED, ["Config rule"]),
    ({**WANTED, "Scope": {"ComplianceResourceTypes": ["AWS::EC2::VPC"]}}, WANTED, ["Config rule's scope"]),
    ({**WANTED, "Description": "e"}, WANTED, ["Config rule's description"]),
    (WANTED, POLLS, ["Config rule's messages", "Config rule's frequency"]),
    ({**POLLS, "MaximumExecutionFrequency": "Six_Hours"}, POLLS, ["Config rule's frequency"]),
    # AWS Config fills in a frequency of each message.
    ({**POLLS, "Source": {**TICKS, "SourceDetails": [
        {**TICKS["SourceDetails"][0], "MaximumExecutionFrequency": "TwentyFour_Hours"}]}}, POLLS, []),
])
def test_config_rule(rule: dict[str, Any] | None, wanted: dict[str, Any], expected: list[str]) -> None:
    assert config_rule_differences(rule, wanted) == expected


def test_the_key_tells_accounts_apart() -> None:
    assert replace(planned(DeploymentChange.CREATE), account=replace(RED, name="blue")).key != KEY


CHOSEN = {
    "name": "chosen", "resource": "aws.s3", "metadata": {"profile": "p", "parameters": {"profiles": []}},
    "conditions": [{"type": "value", "key": "policy.metadata.profile", "op": "in", "value": "{profiles}"}],
    "mode": {"type": "periodic", "schedule": "rate(1 day)", "role": "guardrails"},
}
ALWAYS = {"name": "always", "resource": "aws.s3", "mode": {"type": "periodic", "schedule": "rate(1 day)"}}


def test_a_profile_decides_in_each_account_and_wrong_variables_stop_one_policy_alone(cloud: Cloud) -> None:
    chosen, always = (
        marked(Policy(data, YamlFile(Path("p.yml"), {}, None), 0)) for data in (CHOSEN, ALWAYS))
    account = replace(RED, entry={"role": role(RED.id)})

    def changes(**variables: Any) -> dict[str, DeploymentChange]:
        return {each.policy.name: each.change for each in plan({(account, "us-east-1"): (chosen, always)}, variables)}

    assert changes() == {"chosen": DeploymentChange.OFF, "always": DeploymentChange.CREATE}
    assert changes(profiles=["p"]) == {"chosen": DeploymentChange.CREATE, "always": DeploymentChange.CREATE}
    assert changes(profiles="p") == {"chosen": DeploymentChange.UNKNOWN, "always": DeploymentChange.CREATE}

    # Its function is there, and the profile is no longer chosen.
    archive = io.BytesIO()
    zipfile.ZipFile(archive, "w").close()
    arn = cloud.client("iam", RED.id).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    cloud.client("lambda", RED.id).create_function(
        FunctionName="custodian-chosen", Runtime="python3.12", Handler="x.run", Role=arn,
        Code={"ZipFile": archive.getvalue()}, Tags={**chosen.mode["tags"], "custodian-info": "mode=periodic:version=1"})
    assert changes()["chosen"] is DeploymentChange.REMOVE
    found = inventory([account]).functions
    assert [f.name for f in switched_off(found, [chosen, always], {})] == ["custodian-chosen"]
    assert switched_off(found, [chosen, always], {"profiles": ["p"]}) == []
    # A policy that c7n rejects does not count as off.
    assert switched_off(found, [chosen, always], {"profiles": "p"}) == []
    [update] = plan({(account, "us-east-1"): (chosen,)}, {"profiles": ["p"]})
    assert (update.change, "code, Tags, " in update.reason) == (DeploymentChange.UPDATE, True)
    assert {"event rule", "permission of events.amazonaws.com"} <= set(update.reason.split(", "))
