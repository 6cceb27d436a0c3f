"""`remove-all-rules`: what it removes and restores, and which groups it leaves alone."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.vpc.emptied_group import plan_removal
from custom_actions.errors import Refusal

ITSELF = {
    "SecurityGroupRuleId": "sgr-1", "IsEgress": False, "IpProtocol": "-1", "FromPort": -1, "ToPort": -1,
    "ReferencedGroupInfo": {"GroupId": "sg-1", "UserId": "123456789012"}}
HTTPS = {
    "SecurityGroupRuleId": "sgr-2", "IsEgress": False, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
    "CidrIpv4": "10.0.0.0/8", "Description": "inside", "Tags": [{"Key": "team", "Value": "web"}]}
OUT = {
    "SecurityGroupRuleId": "sgr-3", "IsEgress": True, "IpProtocol": "-1", "FromPort": -1, "ToPort": -1,
    "CidrIpv6": "::/0"}


def calls_of(found: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [(each.operation, each.parameters) for step in plan_removal("sg-1", found, used=False).steps
            for each in (step.call, *step.undo({}))]


def test_each_direction_is_removed_and_restored_in_its_own_calls() -> None:
    assert calls_of([ITSELF, HTTPS, OUT]) == [
        ("revoke_security_group_ingress", {"GroupId": "sg-1", "SecurityGroupRuleIds": ["sgr-1", "sgr-2"]}),
        ("authorize_security_group_ingress", {"GroupId": "sg-1", "IpPermissions": [
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": "123456789012"}]}]}),
        ("authorize_security_group_ingress", {"GroupId": "sg-1", "IpPermissions": [
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [
                {"CidrIp": "10.0.0.0/8", "Description": "inside"}]}],
            "TagSpecifications": [{"ResourceType": "security-group-rule", "Tags": [{"Key": "team", "Value": "web"}]}]}),
        ("revoke_security_group_egress", {"GroupId": "sg-1", "SecurityGroupRuleIds": ["sgr-3"]}),
        ("authorize_security_group_egress", {"GroupId": "sg-1", "IpPermissions": [
            {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]}),
    ]
    assert calls_of([]) == []


def test_a_group_that_is_used_keeps_its_rules() -> None:
    with pytest.raises(Refusal, match="network interfaces use it"):
        plan_removal("sg-1", [OUT], used=True)
    assert not plan_removal("sg-1", [], used=True).steps


def test_a_rule_of_an_unknown_kind_could_not_be_restored() -> None:
    with pytest.raises(Refusal, match="unknown kind"):
        plan_removal("sg-1", [{**OUT, "CidrIpv6": ""}], used=False)
