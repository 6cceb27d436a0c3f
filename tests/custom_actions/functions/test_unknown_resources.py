"""A function processes all resources but the one that cannot be read, and then fails and names it."""
from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from custom_actions import lambda_entry
from custom_actions.resources import (
    COUNTS,
    PASSED,
    SWITCH,
    UNKNOWN,
    PassedResources,
    ResourceList,
    ResourcesUnknown,
    list_file,
)
from tests import engine
from tests.moto_server import Moto
from tests.wire import DELETED, Wire

from .messages import DRIFT, EVENTS, GROUP_TYPE, group, ingress, notification, trail_event

FIX = {**DRIFT, "actions": ["revert-ingress"]}
SEVERAL = {"events": [{
    "source": "ec2.amazonaws.com", "event": "AuthorizeSecurityGroupIngress", "ids": "requestParameters.groups"}]}


@pytest.fixture
def wire(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Wire:
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    made = Wire()
    made.install(monkeypatch)
    return made


def unreadable(wire: Wire, group_id: str, *, until: int = 1_000, since: int = 0) -> None:
    """The group has a rule that nobody understands: in the responses number `since` to `until` about it."""
    number = 0

    def change(answer: Any) -> Any:
        nonlocal number
        for each in answer["SecurityGroups"]:
            if each["GroupId"] == group_id:
                number += 1
                if since < number <= until:
                    each["IpPermissions"] = [{"IpProtocol": "tcp", "FromPort": "x", "IpRanges": [{"CidrIp": "y"}]}]
        return answer

    wire.change("DescribeSecurityGroups", change)


def verdicts(config: SimpleNamespace) -> dict[str, str]:
    return {e["ComplianceResourceId"]: e["ComplianceType"] for e in config.evaluations}


def old(resource_type: str, *ids: str) -> list[dict[str, Any]]:
    return [{"EvaluationResultIdentifier": {"EvaluationResultQualifier": {
        "ResourceType": resource_type, "ResourceId": each, "ConfigRuleName": "custodian-p"}}} for each in ids]


def test_a_scheduled_rule_evaluates_and_fixes_all_others(
    function: Any, wire: Wire, moto: Moto, config: SimpleNamespace
) -> None:
    function("config-poll-rule", **FIX)
    bad, unknown, good = group(moto, "bad", "0.0.0.0/0"), group(moto, "u", "0.0.0.0/0"), group(moto, "good")
    config.old = old(GROUP_TYPE, unknown, "sg-deleted")
    unreadable(wire, unknown)
    with pytest.raises(ResourcesUnknown, match=f"^resources unknown: {unknown}: "):
        lambda_entry.run(notification("ScheduledNotification"), None)
    seen = verdicts(config)
    assert (seen[bad], seen[good], seen["sg-deleted"]) == ("COMPLIANT", "COMPLIANT", "NOT_APPLICABLE")
    assert unknown not in seen  # neither compliant, nor deleted
    wire.changes.clear()
    assert not ingress(moto, bad)
    assert ingress(moto, unknown)


def test_the_output_of_a_scheduled_rule_names_it(
    wire: Wire, moto: Moto, config: SimpleNamespace, tmp_path: Path
) -> None:
    unknown = group(moto, "u")
    unreadable(wire, unknown)
    rule = {"name": "p", "resource": "aws.security-group", **DRIFT,
            "mode": {"type": "config-poll-rule", "role": "r", **EVENTS["config-poll-rule"]}}
    with pytest.raises(ResourcesUnknown, match=unknown):
        engine.push(rule, tmp_path, notification("ScheduledNotification"))
    written = json.loads((tmp_path / "p" / UNKNOWN).read_text())
    assert [each["resource"] for each in written] == [unknown]


def test_what_is_unknown_in_the_scope_is_not_out_of_scope(
    function: Any, wire: Wire, moto: Moto, config: SimpleNamespace
) -> None:
    function("config-poll-rule", filters=[{"type": "scope", "filters": DRIFT["filters"]}, {"GroupName": "bad"}])
    bad, unknown, good = group(moto, "bad", "0.0.0.0/0"), group(moto, "u", "0.0.0.0/0"), group(moto, "good")
    unreadable(wire, unknown)
    with pytest.raises(ResourcesUnknown, match=unknown):
        lambda_entry.run(notification("ScheduledNotification"), None)
    seen = verdicts(config)
    assert (seen[bad], seen[good], seen.get(unknown)) == ("NON_COMPLIANT", "NOT_APPLICABLE", None)


def test_what_is_unknown_after_its_fix_is_not_called_compliant(
    function: Any, wire: Wire, moto: Moto, config: SimpleNamespace
) -> None:
    function("config-poll-rule", **DRIFT, actions=[{"type": "tag", "key": "seen", "value": "yes"}])
    bad, unknown = group(moto, "bad", "0.0.0.0/0"), group(moto, "u", "0.0.0.0/0")
    unreadable(wire, unknown, since=1)
    with pytest.raises(ResourcesUnknown, match=unknown):
        lambda_entry.run(notification("ScheduledNotification"), None)
    assert verdicts(config)[unknown] == "NON_COMPLIANT"
    assert verdicts(config)[bad] == "NON_COMPLIANT"


def test_the_old_verdict_of_an_unknown_role_is_not_withdrawn(
    function: Any, wire: Wire, moto: Moto, config: SimpleNamespace
) -> None:
    function("config-poll-rule", resource="aws.iam-role", filters=[{"RoleName": "a"}])
    ids = {name: moto.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["RoleId"]
           for name in ("a", "b", "c")}
    config.old = old("AWS::IAM::Role", *ids.values(), "AROADELETED")
    wire.fail("GetRole", "b")
    with pytest.raises(ResourcesUnknown, match="b: GetRole: AccessDenied"):
        lambda_entry.run(notification("ScheduledNotification"), None)
    assert verdicts(config) == {
        ids["a"]: "NON_COMPLIANT", ids["c"]: "COMPLIANT", "AROADELETED": "NOT_APPLICABLE"}


def test_a_periodic_function_fixes_all_others(function: Any, wire: Wire, moto: Moto) -> None:
    function("periodic", **FIX)
    bad, unknown = group(moto, "bad", "0.0.0.0/0"), group(moto, "u", "0.0.0.0/0")
    unreadable(wire, unknown)
    with pytest.raises(ResourcesUnknown, match=unknown):
        lambda_entry.run({"source": "aws.events", "detail-type": "Scheduled Event"}, None)
    wire.changes.clear()
    assert not ingress(moto, bad)
    assert ingress(moto, unknown)


def test_an_event_that_names_several(
    function: Any, wire: Wire, moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EVENTS, "cloudtrail", SEVERAL)
    function("cloudtrail", **FIX)
    bad, unknown = group(moto, "bad", "0.0.0.0/0"), group(moto, "u", "0.0.0.0/0")
    event = trail_event(None, requestParameters={"groups": [unknown, bad]})
    wire.fail("DescribeSecurityGroups", unknown)
    with pytest.raises(ResourcesUnknown, match=f"{unknown}: DescribeSecurityGroups: AccessDenied"):
        lambda_entry.run(event, None)
    wire.fault = ""
    assert not ingress(moto, bad)
    assert ingress(moto, unknown)
    # It is delivered again.
    assert lambda_entry.run(event, None)
    assert not ingress(moto, unknown)


def test_an_event_that_names_one_that_is_deleted(
    function: Any, wire: Wire, moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EVENTS, "cloudtrail", SEVERAL)
    function("cloudtrail", **FIX)
    bad = group(moto, "bad", "0.0.0.0/0")
    gone = "sg-0123456789abcdef0"
    wire.fail("DescribeSecurityGroups", gone, fault=DELETED)
    assert lambda_entry.run(trail_event(None, requestParameters={"groups": [gone, bad]}), None)
    wire.fault = ""
    assert not ingress(moto, bad)


def test_the_output_of_a_scheduled_rule_counts_what_it_looked_at(
    wire: Wire, moto: Moto, config: SimpleNamespace, tmp_path: Path
) -> None:
    unknown = group(moto, "u")
    group(moto, "bad", "0.0.0.0/0")
    unreadable(wire, unknown)
    scope = {"type": "scope", "filters": [{"type": "value", "key": "GroupName", "op": "ne", "value": "default"}]}
    rule = {"name": "p", "resource": "aws.security-group", "filters": [scope, *DRIFT["filters"]],
            "mode": {"type": "config-poll-rule", "role": "r", **EVENTS["config-poll-rule"]}}
    with pytest.raises(ResourcesUnknown, match=unknown):
        engine.push(rule, tmp_path, notification("ScheduledNotification"))
    # The VPC's default group is out of scope.
    assert json.loads((tmp_path / "p" / COUNTS).read_text()) == {
        "listed": 3, "in_scope": 2, "matched": 1, "unknown": 1}


def test_a_function_keeps_no_ids_of_what_passed(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its environment says; c7n's pull mode does."""
    bad, good = group(moto, "bad", "0.0.0.0/0"), group(moto, "good")
    lists = tmp_path / "lists"
    lists.mkdir()
    monkeypatch.setenv(SWITCH, str(lists))
    rule = {"name": "p", "resource": "aws.security-group", "filters": DRIFT["filters"],
            "mode": {"type": "periodic", "role": "r", "schedule": "rate(1 day)"}}
    engine.push(rule, tmp_path, {"source": "aws.events", "detail-type": "Scheduled Event"})
    assert (tmp_path / "p" / COUNTS).exists()
    assert not (tmp_path / "p" / PASSED).exists()
    assert not list(lists.iterdir())

    assert [each["GroupId"] for each in engine.pull(rule, tmp_path)] == [bad]
    passed = PassedResources.parse((tmp_path / "p" / PASSED).read_bytes())
    listed = ResourceList.parse(list_file(lists, passed.list).read_bytes(), passed.list)
    names = [name.resource for name in passed.names(listed)]
    assert good in names and bad not in names
    assert len(listed.names) == len(names) + 1
