"""A rule means the same however it is spelled, and what cannot be read is said."""
from __future__ import annotations

import pytest

from custom_actions.elements.security_group.rules import (
    RuleError,
    from_config_item,
    from_permissions,
    from_policy,
    from_security_group_rules,
    port_ranges,
)


def spelled(*entries: object) -> list[str]:
    return [str(rule) for entry in entries for rule in from_policy(entry)]


@pytest.mark.parametrize(("short", "long"), [
    ("tcp 22 from 10.0.0.0/8", {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}),
    ("TCP 22 from 10.1.2.3/8", {"IpProtocol": 6, "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}),
    ("udp 1020-1025 from 192.0.2.7", {"IpProtocol": "17", "FromPort": 1020, "ToPort": 1025, "CidrIp": "192.0.2.7/32"}),
    ("tcp all from sg-1", {"IpProtocol": "tcp", "FromPort": -1, "ToPort": -1, "GroupId": "sg-1"}),
    ("tcp from sg-1", {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "GroupId": "sg-1"}),
    ("all from pl-1", {"IpProtocol": "-1", "PrefixListId": "pl-1"}),
    ("-1 from pl-1", {"IpProtocol": "all", "FromPort": 0, "ToPort": 65535, "PrefixListId": "pl-1"}),
    ("icmp 8 from 10.0.0.0/8", {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "CidrIp": "10.0.0.0/8"}),
    ("icmp from 10.0.0.0/8", {"IpProtocol": "1", "CidrIp": "10.0.0.0/8"}),
    ("50 from 2001:DB8:0:0::/32", {"IpProtocol": 50, "FromPort": 5, "ToPort": 9, "CidrIpv6": "2001:db8::/32"}),
])
def test_the_short_form_and_the_long_one_are_the_same_rule(short: str, long: dict[str, object]) -> None:
    assert from_policy(short) == from_policy(long)


def test_ports_and_sources_multiply() -> None:
    assert spelled("tcp 22, 3389 from world, 10.0.0.0/8") == [
        f"tcp {port} from {peer}" for port in (22, 3389) for peer in ("0.0.0.0/0", "::/0", "10.0.0.0/8")
    ]


def test_self_is_the_group_itself() -> None:
    [rule] = from_policy("all from self")
    assert str(rule.in_group("sg-7")) == "all from sg-7"


@pytest.mark.parametrize(("entry", "said"), [
    ("tcp 22", "write it as"),
    ("tcp ssh from world", "write it as"),
    ("tcp 22 from office", "cannot read the source 'office'"),
    ("tcp 23-22 from world", "not a range"),
    ("tcp 70000 from world", "not a range"),
    ("smtp 25 from world", "unknown protocol"),
    ("tcp 22 from 10.0.0.0/33", "not a CIDR block"),
    ({"IpProtocol": "tcp", "CidrIp": "10.0.0.0/8", "GroupId": "sg-1"}, "exactly one of"),
    ({"IpProtocol": "tcp"}, "exactly one of"),
    ({"CidrIp": "10.0.0.0/8"}, "needs IpProtocol"),
    ({"IpProtocol": "tcp", "CidrIp": "::/0"}, "belongs under CidrIpv6"),
    ({"IpProtocol": "icmp", "FromPort": -1, "ToPort": 3, "CidrIp": "10.0.0.0/8"}, "type -1 with code 3"),
])
def test_what_cannot_be_read_is_said(entry: object, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        from_policy(entry)


def test_ec2s_two_answers_are_the_same_rules() -> None:
    permissions = [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
         "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "office"}, {"CidrIp": "192.0.2.0/24"}],
         "Ipv6Ranges": [{"CidrIpv6": "::/0"}], "PrefixListIds": [{"PrefixListId": "pl-1"}],
         "UserIdGroupPairs": [{"GroupId": "sg-2", "UserId": "111111111111"}]},
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-2"}]},
    ]
    base = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IsEgress": False}
    one_by_one = [
        {**base, "SecurityGroupRuleId": "sgr-1", "CidrIpv4": "192.0.2.0/24"},
        {**base, "SecurityGroupRuleId": "sgr-2", "CidrIpv4": "10.0.0.0/8", "Description": "office"},
        {**base, "SecurityGroupRuleId": "sgr-3", "CidrIpv6": "::/0"},
        {**base, "SecurityGroupRuleId": "sgr-4", "PrefixListId": "pl-1"},
        {**base, "SecurityGroupRuleId": "sgr-5", "ReferencedGroupInfo": {"GroupId": "sg-2", "UserId": "111111111111"}},
        {"IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "SecurityGroupRuleId": "sgr-6", "IsEgress": False,
         "ReferencedGroupInfo": {"GroupId": "sg-2"}},
        {"IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "SecurityGroupRuleId": "sgr-7", "IsEgress": True,
         "CidrIpv4": "0.0.0.0/0"},
    ]
    assert set(from_permissions(permissions)) == set(from_security_group_rules(one_by_one))
    assert {rule.rule_id for rule in from_security_group_rules(one_by_one)} == {f"sgr-{n}" for n in range(1, 7)}


def test_a_rule_without_a_known_source_is_not_passed_over() -> None:
    with pytest.raises(RuleError, match="sgr-9"):
        from_security_group_rules([{"SecurityGroupRuleId": "sgr-9", "IpProtocol": "tcp", "FromPort": 1, "ToPort": 1}])


ITEM_PERMISSION = {
    "fromPort": 22, "ipProtocol": "tcp", "toPort": 22, "ipRanges": ["10.0.0.0/8", "192.0.2.0/24"],
    "ipv4Ranges": [{"cidrIp": "10.0.0.0/8", "description": "office"}, {"cidrIp": "192.0.2.0/24", "description": None}],
    "ipv6Ranges": [{"cidrIpv6": "2001:DB8::/32"}],
    "prefixListIds": [{"prefixListId": "pl-1", "description": None}],
    "userIdGroupPairs": [{
        "description": None, "groupId": "sg-2", "groupName": None, "peeringStatus": None, "userId": "111111111111",
        "vpcId": None, "vpcPeeringConnectionId": None,
    }],
}


def test_an_item_of_aws_config_is_the_same_rules() -> None:
    everything = {"ipProtocol": "-1", "fromPort": None, "toPort": None, "ipv4Ranges": [], "ipRanges": [],
                  "ipv6Ranges": None, "userIdGroupPairs": [{"groupId": "sg-2"}]}
    rules = from_config_item({"groupId": "sg-1", "ipPermissions": [ITEM_PERMISSION, everything]})
    assert [str(rule) for rule in rules] == [
        "tcp 22 from 10.0.0.0/8", "tcp 22 from 192.0.2.0/24", "tcp 22 from 2001:db8::/32", "tcp 22 from pl-1",
        "tcp 22 from sg-2", "all from sg-2",
    ]
    assert [(rule.description, rule.account) for rule in rules[:1] + rules[4:5]] == [
        ("office", ""), ("", "111111111111")]


def test_an_old_item_has_plain_texts() -> None:
    old = {"ipProtocol": "udp", "fromPort": 53, "toPort": 53, "ipRanges": ["10.0.0.0/8"], "prefixListIds": ["pl-1"],
           "userIdGroupPairs": []}
    assert [str(rule) for rule in from_config_item({"ipPermissions": [old]})] == [
        "udp 53 from 10.0.0.0/8", "udp 53 from pl-1"]
    # What c7n makes of the same item.
    as_c7n_has_it = {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
                     "PrefixListIds": ["pl-1"], "UserIdGroupPairs": []}
    assert from_permissions([as_c7n_has_it]) == from_config_item({"ipPermissions": [old]})


@pytest.mark.parametrize("nothing", [{}, {"ipPermissions": None}, {"ipPermissions": []}])
def test_an_item_without_ingress_has_no_rules(nothing: dict[str, object]) -> None:
    assert from_config_item(nothing) == []


def test_a_source_group_that_an_item_does_not_name_is_not_passed_over() -> None:
    classic = {"ipProtocol": "tcp", "fromPort": 1, "toPort": 1, "userIdGroupPairs": [{"groupId": None}]}
    with pytest.raises(RuleError, match="EC2-Classic"):
        from_config_item({"ipPermissions": [classic]})


def test_ports_are_read_in_every_spelling() -> None:
    assert port_ranges([443, "80", "1020-1025", "8000 - 8010"]) == [(443, 443), (80, 80), (1020, 1025), (8000, 8010)]


@pytest.mark.parametrize("wrong", ["http", "443,80", "", "90-80", 70000, -1, None])
def test_ports_that_cannot_be_read_are_said(wrong: object) -> None:
    with pytest.raises(RuleError):
        port_ranges([wrong])  # type: ignore[list-item]
