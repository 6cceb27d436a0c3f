"""Which policies limit their callers, to VPCs and to networks."""
from __future__ import annotations

import json
from typing import Any

import pytest

from custom_actions.elements.apigateway.document import read
from custom_actions.elements.apigateway.networks import Networks, OwnVpcs
from custom_actions.elements.apigateway.restriction import open_statements, values

API = "arn:aws:execute-api:us-east-1:123456789012:abc"
OWN = OwnVpcs({"aws:sourcevpc": {"vpc-own"}, "aws:sourcevpce": {"vpce-own", "vpce-two"}})
OFFICE = Networks.of(["198.51.100.0/24", "203.0.113.0/25", "203.0.113.128/25", "2001:db8::/32"])
EVERY = {"Action": "execute-api:Invoke", "Resource": "execute-api:/*"}


def allow(condition: Any = None, **other: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": "*", **EVERY, **({"Condition": condition} if condition else {}), **other}


def deny(condition: Any = None, **other: Any) -> dict[str, Any]:
    return {**allow(condition, **other), "Effect": "Deny"}


def reasons(limit: Any, *statements: dict[str, Any]) -> list[str]:
    return open_statements(read(json.dumps({"Statement": list(statements)}), API), limit)


@pytest.mark.parametrize("condition", [
    {"StringEquals": {"aws:sourceVpce": "vpce-own"}},
    {"StringEquals": {"AWS:SourceVPC": ["vpc-own"]}},
    {"StringEquals": {"aws:SourceVpc": "vpc-own", "aws:SourceVpce": ["vpce-own", "vpce-two"]}},
    {"StringEqualsIgnoreCase": {"aws:SourceVpc": "vpc-own"}},
    {"StringLike": {"aws:SourceVpce": "vpce-own"}},
    {"ForAnyValue:StringEquals": {"aws:SourceVpce": "vpce-own"}},
    {"StringEquals": {"aws:SourceVpce": "vpce-own"}, "IpAddress": {"aws:VpcSourceIp": "0.0.0.0/0"}},
])
def test_an_allow_that_says_from_where(condition: Any) -> None:
    assert reasons(OWN, allow(condition)) == []


@pytest.mark.parametrize(("condition", "why"), [
    (None, "no condition limits it"),
    ({"StringEquals": {"aws:SourceVpce": ["vpce-own", "vpce-foreign"]}}, "vpce-foreign is not a VPC or endpoint"),
    ({"StringEquals": {"aws:SourceVpc": "vpc-own", "aws:SourceVpce": "vpce-foreign"}}, "vpce-foreign is not a VPC"),
    # An id of the other kind limits to nothing that exists.
    ({"StringEquals": {"aws:SourceVpc": "vpce-own"}}, "vpce-own is not a VPC"),
    ({"StringLike": {"aws:SourceVpce": "vpce-*"}}, "vpce-* is not a VPC"),
    ({"StringLike": {"aws:SourceVpce": "*"}}, "* is not a VPC"),
    ({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-own"}}, "no condition limits it"),
    ({"ForAllValues:StringEquals": {"aws:SourceVpce": "vpce-own"}}, "no condition limits it"),
    ({"StringNotEquals": {"aws:SourceVpce": "vpce-own"}}, "no condition limits it"),
    ({"StringEquals": {"aws:SourceVpce": []}}, "no condition limits it"),
    ({"StringEquals": {"aws:SourceAccount": "123456789012"}}, "no condition limits it"),
    ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, "no condition limits it"),
])
def test_an_allow_that_lets_others_in(condition: Any, why: str) -> None:
    [reason] = reasons(OWN, allow(condition, Sid="In"))
    assert reason.startswith("In: ")
    assert why in reason


@pytest.mark.parametrize("denial", [
    deny({"StringNotEquals": {"aws:SourceVpc": "vpc-own"}}),
    deny({"StringNotEquals": {"aws:sourceVpce": ["vpce-own", "vpce-two"]}}),
    deny({"StringNotEqualsIfExists": {"aws:SourceVpce": "vpce-own"}}),
    deny({"StringNotLike": {"aws:SourceVpce": "vpce-own"}}),
    # Who fails both is turned away: who passes one comes from a place of ours.
    deny({"StringNotEquals": {"aws:SourceVpc": "vpc-own", "aws:SourceVpce": "vpce-own"}}),
    deny({"StringNotEquals": {"aws:SourceVpc": "vpc-own"}}, Principal={"AWS": "*"}),
    deny({"StringNotEquals": {"aws:SourceVpc": "vpc-own"}}, Action="execute-api:*", Resource="*"),
    deny({"StringNotEquals": {"aws:SourceVpc": "vpc-own"}}, Action=["execute-api:Invoke", "execute-api:Other"]),
    deny(),
])
def test_a_deny_for_everybody_else(denial: dict[str, Any]) -> None:
    assert reasons(OWN, allow(), denial) == []


@pytest.mark.parametrize("denial", [
    deny({"StringNotEquals": {"aws:SourceVpc": "vpc-foreign"}}),
    deny({"StringNotEquals": {"aws:SourceVpc": "vpc-own"}}, Resource="execute-api:/prod/*"),
    deny({"StringNotEquals": {"aws:SourceVpc": "vpc-own"}}, Action="execute-api:ManageConnections"),
    deny({"StringNotEquals": {"aws:SourceVpc": "vpc-own"}}, Principal={"AWS": "arn:aws:iam::123456789012:root"}),
    # Another condition beside it lets callers past.
    deny({"StringNotEquals": {"aws:SourceVpc": "vpc-own"}, "Bool": {"aws:SecureTransport": "false"}}),
    deny({"StringNotEquals": {"aws:SourceVpc": "vpc-own", "aws:PrincipalOrgID": "o-1"}}),
    deny({"ForAnyValue:StringNotEquals": {"aws:SourceVpc": "vpc-own"}}),
    deny({"StringEquals": {"aws:SourceVpc": "vpc-own"}}),
    deny({"StringNotEquals": {"aws:SourceVpc": []}}),
    {"Effect": "Deny", "NotPrincipal": {"AWS": "x"}, **EVERY,
     "Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-own"}}},
    {"Effect": "Deny", "Principal": "*", "NotAction": "x", "Resource": "*",
     "Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-own"}}},
])
def test_a_deny_that_leaves_a_way_in(denial: dict[str, Any]) -> None:
    assert len(reasons(OWN, allow(), denial)) == 1


def test_a_deny_that_names_a_strange_place_is_the_reason() -> None:
    [reason] = reasons(OWN, allow(), deny({"StringNotEquals": {"aws:SourceVpc": ["vpc-own", "vpc-foreign"]}}))
    assert "vpc-foreign is not a VPC" in reason


def test_every_allow_counts_and_each_has_its_reason() -> None:
    found = reasons(
        OWN,
        allow({"StringEquals": {"aws:SourceVpce": "vpce-own"}}),
        allow(Resource="execute-api:/a/*"),
        allow(Resource="execute-api:/b/*"),
        deny({"StringNotEquals": {"aws:SourceVpc": "vpc-own"}}, Resource="execute-api:/a/*"),
    )
    assert [reason.partition(":")[0] for reason in found] == ["statement 3"]


def test_a_policy_without_an_allow_lets_nobody_in() -> None:
    assert reasons(OWN, deny()) == []
    assert reasons(OFFICE) == []


@pytest.mark.parametrize("networks", [
    "198.51.100.1", "198.51.100.0/24", "198.51.100.77/28", "203.0.113.0/24", ["198.51.100.0/25", "2001:db8:1::1"],
])
def test_networks_inside_the_list(networks: Any) -> None:
    assert reasons(OFFICE, allow({"IpAddress": {"aws:SourceIp": networks}})) == []
    assert reasons(OFFICE, allow(), deny({"NotIpAddress": {"aws:SourceIp": networks}})) == []


@pytest.mark.parametrize("networks", [
    "0.0.0.0/0", "::/0", "198.51.0.0/16", "192.0.2.1", ["198.51.100.0/24", "10.0.0.0/8"], "${aws:SourceIp}", "office",
])
def test_networks_beyond_the_list(networks: Any) -> None:
    assert len(reasons(OFFICE, allow({"IpAddress": {"aws:SourceIp": networks}}))) == 1
    assert len(reasons(OFFICE, allow(), deny({"NotIpAddress": {"aws:SourceIp": networks}}))) == 1


@pytest.mark.parametrize("statements", [
    [allow({"IpAddressIfExists": {"aws:SourceIp": "198.51.100.1"}})],
    [allow({"NotIpAddress": {"aws:SourceIp": "198.51.100.1"}})],
    [allow({"IpAddress": {"aws:VpcSourceIp": "198.51.100.1"}})],
    [allow(), deny({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}})],
    [allow(), deny({"NotIpAddress": {"aws:SourceIp": "198.51.100.0/24"}, "Null": {"aws:PrincipalArn": "true"}})],
])
def test_what_does_not_limit_to_networks(statements: list[dict[str, Any]]) -> None:
    assert len(reasons(OFFICE, *statements)) == 1


def test_networks_that_together_are_the_world_are_called_so() -> None:
    [reason] = reasons(OFFICE, allow({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}))
    assert reason == "statement 1: 0.0.0.0/1, 128.0.0.0/1 are open to the world"
    [reason] = reasons(OFFICE, allow({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    assert reason == "statement 1: 10.0.0.0/8 is not inside the allowed networks"


@pytest.mark.parametrize("networks", [["0.0.0.0/0"], ["0.0.0.0/1", "128.0.0.0/1"], ["2000::/3", "10.0.0.0/8"]])
def test_a_list_of_allowed_networks_that_limits_nobody_is_refused(networks: list[str]) -> None:
    with pytest.raises(ValueError, match="cover the world"):
        Networks.of(networks)


def test_each_deny_is_compared_with_the_limit_once() -> None:
    compared = []

    class Counting(Networks):
        def outside(self, condition: Any) -> list[str]:
            compared.append(condition)
            return super().outside(condition)

    limit = Counting(OFFICE.allowed)
    allows = [allow({"IpAddress": {"aws:SourceIp": "198.51.100.1"}}, Sid=f"a{number}") for number in range(100)]
    denials = [deny({"NotIpAddress": {"aws:SourceIp": "198.51.100.1"}}) for _ in range(100)]
    assert reasons(limit, *allows, *denials) == []
    assert len(compared) == 200


def test_nothing_is_inside_an_empty_list() -> None:
    assert len(reasons(Networks.of([]), allow({"IpAddress": {"aws:SourceIp": "198.51.100.1"}}))) == 1


def test_every_place_that_is_named_is_looked_up() -> None:
    statements = read(json.dumps({"Statement": [
        allow({"StringEquals": {"aws:SourceVpc": "vpc-1", "aws:SourceIp": "x"}}),
        deny({"StringNotEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}}),
    ]}), API)
    assert values(statements, OWN) == {
        ("aws:sourcevpc", "vpc-1"), ("aws:sourcevpce", "vpce-1"), ("aws:sourcevpce", "vpce-2")}
