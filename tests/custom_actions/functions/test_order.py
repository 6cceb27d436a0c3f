"""EventBridge delivers an event at least once, in no certain order, and sometimes before or after the resource exists.

docs/security.md says what happens; here it is shown on the whole function, with a baseline in the policy (`DRIFT`) and
with the event as the baseline.
"""
from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n.credentials import SessionFactory
from c7n.utils import local_session

from custom_actions import lambda_entry
from tests.moto_server import REGION, Moto

from .messages import DRIFT, group, ingress, trail_event

UNDO = [{"type": "revert-ingress", "baseline": "event"}]
BOTH = pytest.mark.parametrize(
    "policy", [{**DRIFT, "actions": ["revert-ingress"]}, {"actions": UNDO}], ids=["state", "event"])


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))


def opened(moto: Moto, group_id: str, port: int) -> dict[str, Any]:
    """Open a port to the world; returns the event of the call."""
    made = moto.client("ec2").authorize_security_group_ingress(
        GroupId=group_id, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="0.0.0.0/0")["SecurityGroupRules"]
    event = trail_event(group_id, eventTime="2026-11-23T12:00:00Z", responseElements={
        "_return": True, "securityGroupRuleSet": {"items": [{
            "groupId": group_id, "securityGroupRuleId": rule["SecurityGroupRuleId"], "isEgress": False,
            "ipProtocol": "tcp", "fromPort": port, "toPort": port, "cidrIpv4": "0.0.0.0/0"} for rule in made]}})
    event["detail"]["requestParameters"]["ipPermissions"] = {"items": [{
        "ipProtocol": "tcp", "fromPort": port, "toPort": port, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}
    return event


def ports(moto: Moto, group_id: str) -> list[int]:
    return sorted(each["FromPort"] for each in ingress(moto, group_id))


def changes() -> list[str]:
    """The calls that change a group, from now on."""
    made: list[str] = []
    events = local_session(SessionFactory(REGION)).events
    for operation in ("RevokeSecurityGroupIngress", "AuthorizeSecurityGroupIngress"):
        events.register(f"before-call.ec2.{operation}", lambda model, **_: made.append(model.name))
    return made


@BOTH
def test_a_duplicate_finds_nothing_to_do(function: Any, moto: Moto, policy: dict[str, Any]) -> None:
    function("cloudtrail", **policy)
    group_id = group(moto, "g")
    event = opened(moto, group_id, 22)
    made = changes()
    for _ in range(3):
        assert lambda_entry.run(copy.deepcopy(event), None)
    assert (ports(moto, group_id), made) == ([], ["RevokeSecurityGroupIngress"])


def test_a_late_duplicate_leaves_what_was_opened_since(function: Any, moto: Moto) -> None:
    """The event names the rule by its id, and a rule that is opened again has another one."""
    function("cloudtrail", actions=UNDO)
    group_id = group(moto, "g")
    event = opened(moto, group_id, 443)
    assert lambda_entry.run(copy.deepcopy(event), None)
    opened(moto, group_id, 443)
    assert lambda_entry.run(event, None)
    assert ports(moto, group_id) == [443]


@BOTH
@pytest.mark.parametrize("backwards", [False, True])
def test_the_order_of_two_events_makes_no_difference(
    function: Any, moto: Moto, policy: dict[str, Any], backwards: bool
) -> None:
    function("cloudtrail", **policy)
    group_id = group(moto, "g")
    events = [opened(moto, group_id, 22), opened(moto, group_id, 80)]
    for event in reversed(events) if backwards else events:
        assert lambda_entry.run(event, None)
    assert ports(moto, group_id) == ([80] if "filters" in policy else [])


def test_an_event_that_is_overtaken_by_its_undoing_changes_nothing(function: Any, moto: Moto) -> None:
    """The opening was taken back before its event arrived."""
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    group_id = group(moto, "g")
    event = opened(moto, group_id, 22)
    moto.client("ec2").revoke_security_group_ingress(
        GroupId=group_id, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    made = changes()
    assert lambda_entry.run(event, None)
    assert made == []


@BOTH
def test_a_group_that_goes_while_the_function_runs_fails_nothing(
    function: Any, moto: Moto, policy: dict[str, Any]
) -> None:
    function("cloudtrail", **policy)
    group_id = group(moto, "g")
    event = opened(moto, group_id, 22)

    def gone(**_: Any) -> None:
        with suppress(ClientError):  # from the second call on
            moto.client("ec2").delete_security_group(GroupId=group_id)

    local_session(SessionFactory(REGION)).events.register("before-call.ec2.DescribeSecurityGroupRules", gone)
    made = changes()
    assert lambda_entry.run(event, None)
    assert made == []
    with pytest.raises(ClientError, match="NotFound"):
        ingress(moto, group_id)
