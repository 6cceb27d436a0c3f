"""Which statements of a resource policy admit everyone."""
from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from custom_actions.elements.resource_policy.everyone import public_statements, statements_for_any_bucket


def document(principal: Any = "*", condition: Any = None, **more: Any) -> str:
    statement = {"Sid": "One", "Effect": "Allow", "Principal": principal, "Action": "sqs:*", "Resource": "*", **more}
    return json.dumps({"Statement": [{**statement, **({"Condition": condition} if condition else {})}]})


@pytest.mark.parametrize(("principal", "public"), [
    ("*", True), ({"AWS": "*"}, True), ({"AWS": ["arn:aws:iam::111122223333:root", "*"]}, True),
    ({"AWS": "arn:aws:iam::111122223333:root"}, False), ({"Service": "sns.amazonaws.com"}, False), (None, False),
])
def test_who_is_everyone(principal: Any, public: bool) -> None:
    assert public_statements(document(principal)) == (["One"] if public else [])


@pytest.mark.parametrize(("condition", "limits"), [
    ({"StringEquals": {"aws:SourceAccount": "111122223333"}}, True),
    ({"StringEquals": {"AWS:SourceOwner": "111122223333"}}, True),
    ({"stringequals": {"AWS:SOURCEACCOUNT": ["111122223333", "444455556666"]}}, True),
    ({"StringEquals": {"aws:SourceAccount": ["111122223333", "*"]}}, False),
    ({"StringLike": {"aws:SourceAccount": "1111????3333"}}, False),
    ({"StringEquals": {"aws:SourceAccount": "${aws:PrincipalAccount}"}}, False),
    ({"StringEquals": {"aws:SourceAccount": []}}, False),
    ({"StringEqualsIfExists": {"aws:SourceAccount": "111122223333"}}, False),
    ({"ForAllValues:StringEquals": {"aws:SourceAccount": "111122223333"}}, False),
    ({"StringNotEquals": {"aws:SourceAccount": "111122223333"}}, False),
    ({"StringEquals": {"aws:PrincipalOrgID": "o-abc1234567"}}, True),
    ({"StringEquals": {"aws:PrincipalOrgID": "o-*"}}, False),
    ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-abc1234567/*"}}, True),
    ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "*/r-ab12/*"}}, False),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:111122223333:*"}}, True),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:us-east-1:*:jobs"}}, False),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::uploads"}}, True),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:uploads"}}, False),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}, False),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:s3"}}, False),
    ({"StringEquals": {"kms:CallerAccount": "111122223333", "kms:ViaService": "s3.us-east-1.amazonaws.com"}}, True),
    ({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}, False),
    ({"Bool": {"aws:SecureTransport": "true"}}, False),
    ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, True),
    ({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/1"]}}, False),
    ({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
    ({"StringLike": {"aws:SourceIp": "192.0.2.*"}}, False),
    # One limit is enough: all conditions of a statement must be true.
    ({"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}}, True),
])
def test_what_limits_everyone(condition: Any, limits: bool) -> None:
    assert public_statements(document(condition=condition)) == ([] if limits else ["One"])


def test_other_statements() -> None:
    assert public_statements(None) == []
    assert public_statements(document(Effect="Deny")) == []
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "*"},
        {"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "*"}]
    assert public_statements(json.dumps({"Statement": statements})) == ["number 2"]
    with pytest.raises(ValueError, match="Expecting"):
        public_statements("{")


def test_the_share_decides_about_addresses() -> None:
    half = document(condition={"IpAddress": {"aws:SourceIp": "3.0.0.0/9"}})
    assert public_statements(half) == []
    assert public_statements(half, Fraction(1, 1024)) == ["One"]


@pytest.mark.parametrize(("principal", "condition", "found"), [
    ({"Service": "s3.amazonaws.com"}, None, True),
    ({"Service": ["sns.amazonaws.com", "s3.amazonaws.com"]}, None, True),
    ({"Service": "s3.amazonaws.com"}, {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::uploads"}}, True),
    ({"Service": "s3.amazonaws.com"}, {"StringEquals": {"AWS:SourceAccount": "111122223333"}}, False),
    ({"Service": "sns.amazonaws.com"}, None, False),
    ("*", None, False),
])
def test_buckets_of_any_account(principal: Any, condition: Any, found: bool) -> None:
    assert statements_for_any_bucket(document(principal, condition)) == (["One"] if found else [])
