"""What the filters on buckets decide, without AWS."""
from __future__ import annotations

import json
from typing import Any

import pytest

from custom_actions.elements.s3.document import covers, statements
from custom_actions.elements.s3.encryption import shortfall
from custom_actions.elements.s3.public import Block, Opening, acl_openings, address_openings, policy_opening
from custom_actions.elements.s3.transport import open_without_tls

ARN = "arn:aws:s3:::bucket"
GROUPS = "http://acs.amazonaws.com/groups"
READ, WRITE = frozenset({"read"}), frozenset({"write"})


def policy(*listed: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(listed)})


# -- documents --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pattern", "text", "taken"), [
    (ARN, ARN, True),
    (f"{ARN}*", ARN, True),
    ("*", ARN, True),
    ("arn:aws:s3:::bucke?", ARN, True),
    ("arn:aws:s3:::BUCKET", ARN, False),
    ("arn:aws:s3:::[b]ucket", ARN, False),
    (f"{ARN}/*", f"{ARN}/*", True),
    (f"{ARN}*", f"{ARN}/*", True),
    (f"{ARN}/logs/*", f"{ARN}/*", False),
    (f"{ARN}/?", f"{ARN}/*", False),
    (f"{ARN}/*.txt", f"{ARN}/*", False),
    (ARN, f"{ARN}/*", False),
])
def test_what_a_pattern_covers(pattern: str, text: str, taken: bool) -> None:
    assert covers(pattern, text) is taken


def test_a_statement_may_stand_alone_and_a_policy_may_be_missing() -> None:
    assert statements('{"Statement": {"Effect": "Deny"}}') == [{"Effect": "Deny"}]
    assert statements(None) == []


# -- public -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("permission", "access"), [
    ("READ", {"read"}), ("READ_ACP", {"read"}), ("WRITE", {"write"}), ("WRITE_ACP", {"read", "write"}),
    ("FULL_CONTROL", {"read", "write"}),
])
def test_what_a_grant_lets_do(permission: str, access: set[str]) -> None:
    [opening] = acl_openings([{"Grantee": {"URI": f"{GROUPS}/global/AllUsers"}, "Permission": permission}])
    assert opening.access == access
    assert permission in opening.description and "everyone" in opening.description


def test_grants_to_the_known_let_no_stranger_in() -> None:
    assert acl_openings([
        {"Grantee": {"ID": "owner"}, "Permission": "FULL_CONTROL"},
        {"Grantee": {"URI": f"{GROUPS}/s3/LogDelivery"}, "Permission": "WRITE"},
    ]) == []
    [account] = acl_openings(
        [{"Grantee": {"URI": f"{GROUPS}/global/AuthenticatedUsers"}, "Permission": "READ"}])
    assert "every AWS account" in account.description


@pytest.mark.parametrize(("action", "access"), [
    ("s3:GetObject", {"read"}),
    (["s3:ListBucket", "s3:Get*"], {"read"}),
    ("s3:PutObject", {"write"}),
    (["s3:GetObject", "s3:DeleteObject"], {"read", "write"}),
    ("S3:GETOBJECT", {"read"}),
    ("s3:*", {"read", "write"}),
    ("*", {"read", "write"}),
    ("s3:*Object", {"read", "write"}),
    ("s3:Put*", {"write"}),
    ("s3:G*", {"read", "write"}),
])
def test_what_a_public_statement_lets_do(action: Any, access: set[str]) -> None:
    found = policy_opening(policy({"Sid": "Open", "Effect": "Allow", "Principal": "*", "Action": action}))
    assert found.access == access
    assert "Open" in found.description


def test_only_the_public_statement_counts() -> None:
    found = policy_opening(policy(
        {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "s3:PutObject"},
        {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject",
         "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}},
        {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "s3:GetObject"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*"},
    ))
    assert found.access == READ and "number 3" in found.description


def test_a_condition_that_restricts_nothing_is_found_by_what_is_left() -> None:
    found = policy_opening(policy(
        {"Sid": "Wide", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
         "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}))
    assert found.access == READ and "Wide" in found.description


@pytest.mark.parametrize("statement", [
    {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "s3:GetObject"},
    {"Effect": "Allow", "Principal": "*", "NotAction": "s3:PutObject"},
])
def test_where_it_cannot_be_made_out_it_is_both(statement: dict[str, Any]) -> None:
    assert policy_opening(policy(statement)).access == {"read", "write"}


def test_a_block_closes_its_own_way_only() -> None:
    acl, through_policy = Opening("acl", READ, ""), Opening("policy", READ, "")
    ignoring, restricting = Block.of({"IgnorePublicAcls": True}), Block.of({"RestrictPublicBuckets": True})
    assert ignoring.closes(acl) and not ignoring.closes(through_policy)
    assert restricting.closes(through_policy) and not restricting.closes(acl)
    refusing = Block.of({"BlockPublicAcls": True, "BlockPublicPolicy": True})
    assert not refusing.closes(acl) and not refusing.closes(through_policy)


def from_addresses(*cidrs: str, action: str = "s3:GetObject", operator: str = "IpAddress", **more: Any) -> Any:
    return {"Effect": "Allow", "Principal": "*", "Action": action, "Condition": {
        operator: {"aws:SourceIp": list(cidrs)}, **more}}


@pytest.mark.parametrize("cidrs", [["0.0.0.0/1", "128.0.0.0/1"], ["2000::/3"]])
def test_a_source_that_is_the_world_restricts_nothing(cidrs: list[str]) -> None:
    found = policy_opening(policy(
        from_addresses("203.0.113.7", action="s3:PutObject"), from_addresses(*cidrs)))
    assert found.access == READ and "number 2" in found.description


def test_blocks_that_s3_takes_one_by_one_are_added_up() -> None:
    slash_nine = [f"{first}.{half}.0.0/9" for first in (3, 4) for half in (0, 128)]
    for document in (policy(from_addresses(*slash_nine)), policy(*map(from_addresses, slash_nine))):
        [opening] = address_openings(document)
        assert opening.access == READ and opening.through == "policy"
        assert opening.description.startswith("read from 0.9% of public IPv4, policy statement number 1")
        assert not Block.of({"RestrictPublicBuckets": True}).closes(opening), "S3 does not call it public"


@pytest.mark.parametrize("listed", [
    [],
    [from_addresses("10.0.0.0/8", "3.3.0.0/16")],
    # One is read, the other written: neither is open to the world.
    [from_addresses("3.0.0.0/9"), from_addresses("3.128.0.0/9", action="s3:PutObject")],
    [{**from_addresses("3.0.0.0/9", "3.128.0.0/9"), "Effect": "Deny"}],
    [{**from_addresses("3.0.0.0/9", "3.128.0.0/9"), "Principal": {"AWS": "123456789012"}}],
    [from_addresses("3.0.0.0/8", StringEquals={"aws:SourceVpce": "vpce-1"})],
    # Both conditions must hold.
    [from_addresses("3.0.0.0/8", NotIpAddress={"aws:SourceIp": ["3.0.0.0/9"]})],
    [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}],
    [from_addresses("*", operator="StringLike")],
])
def test_addresses_that_do_not_add_up_to_the_world(listed: list[Any]) -> None:
    assert address_openings(policy(*listed)) == []


@pytest.mark.parametrize("statement", [
    from_addresses("3.0.0.0/8", Bool={"aws:SecureTransport": "true"}),
    from_addresses("203.0.113.0/24", operator="NotIpAddress"),
    {**from_addresses("3.0.0.0/8"), "Principal": {"AWS": "*"}},
])
def test_other_ways_to_name_the_world_by_addresses(statement: Any) -> None:
    assert [opening.access for opening in address_openings(policy(statement))] == [READ]


def test_a_hostile_pattern_takes_no_longer_than_another() -> None:
    """As a regular expression this would not end; the operations of the matcher are at most the product."""
    assert not covers("*a" * 40 + "*b", "a" * 63)
    assert covers("*a" * 40 + "*", "a" * 63)


# -- transport --------------------------------------------------------------------------------------------------

DENY = {
    "Sid": "Tls", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [ARN, f"{ARN}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


@pytest.mark.parametrize("change", [
    {},
    {"Principal": {"AWS": "*"}},
    {"Principal": {"AWS": ["*"]}},
    {"Action": "*"},
    {"Action": ["s3:GetObject", "S3:*"]},
    {"Resource": "*"},
    {"Resource": f"{ARN}*"},
    {"Condition": {"Bool": {"aws:SecureTransport": False}}},
    {"Condition": {"BoolIfExists": {"AWS:securetransport": ["false"]}}},
])
def test_spellings_of_the_denial(change: dict[str, Any]) -> None:
    assert open_without_tls(policy({**DENY, **change}), ARN) == []


@pytest.mark.parametrize(("change", "left"), [
    ({"Effect": "Allow"}, ["the bucket", "its objects"]),
    ({"Principal": {"AWS": "123456789012"}}, ["the bucket", "its objects"]),
    ({"Action": "s3:GetObject"}, ["the bucket", "its objects"]),
    ({"Action": ["s3:Get*", "s3:Put*"]}, ["the bucket", "its objects"]),
    ({"Resource": f"{ARN}/*"}, ["the bucket"]),
    ({"Resource": ARN}, ["its objects"]),
    ({"Resource": [ARN, f"{ARN}/private/*"]}, ["its objects"]),
    ({"Resource": [f"{ARN}-other", f"{ARN}-other/*"]}, ["the bucket", "its objects"]),
    ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, ["the bucket", "its objects"]),
    ({"Condition": {"Bool": {"aws:SecureTransport": "false"}, "IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}},
     ["the bucket", "its objects"]),
    ({"Condition": {"Bool": {"aws:SecureTransport": "false", "aws:ViaAWSService": "false"}}},
     ["the bucket", "its objects"]),
    ({"Condition": {}}, ["the bucket", "its objects"]),
])
def test_a_denial_that_leaves_something_open(change: dict[str, Any], left: list[str]) -> None:
    assert open_without_tls(policy({**DENY, **change}), ARN) == left


def test_two_statements_share_the_work() -> None:
    halves = {**DENY, "Resource": ARN}, {**DENY, "Sid": "Objects", "Resource": f"{ARN}/*"}
    assert open_without_tls(policy(*halves), ARN) == []


def test_no_policy_refuses_nothing() -> None:
    assert open_without_tls(None, ARN) == ["the bucket", "its objects"]


# -- encryption -------------------------------------------------------------------------------------------------

KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
KMS = ("aws:kms", "aws:kms:dsse")


def default(algorithm: str, key: str | None = None) -> dict[str, Any]:
    given = {"SSEAlgorithm": algorithm} | ({"KMSMasterKeyID": key} if key else {})
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": given}]}


def arn_of(name: str) -> str:
    return {"alias/ours": KEY}.get(name, "")


@pytest.mark.parametrize(("configuration", "algorithms", "keys"), [
    (default("AES256"), (), ()),
    (default("aws:kms:dsse"), (), ()),
    (default("aws:kms"), KMS, ()),
    (default("aws:kms:dsse", KEY), KMS, [KEY]),
    (default("aws:kms", "alias/ours"), KMS, [KEY]),
    # Keys are asked of KMS encryption only.
    (default("AES256"), (), [KEY]),
])
def test_encryption_that_will_do(configuration: Any, algorithms: Any, keys: Any) -> None:
    assert shortfall(configuration, algorithms, keys, arn_of) == ""


@pytest.mark.parametrize(("configuration", "algorithms", "keys", "said"), [
    ({}, (), (), "has no default encryption"),
    ({"Rules": [{"BucketKeyEnabled": True}]}, (), (), "has no default encryption"),
    (default("AES256"), KMS, (), "AES256"),
    (default("aws:kms"), KMS, [KEY], "alias/aws/s3"),
    (default("aws:kms", f"{KEY[:-1]}6"), KMS, [KEY], "555556"),
    (default("aws:kms", "alias/gone"), KMS, [KEY], "alias/gone"),
])
def test_encryption_that_falls_short(configuration: Any, algorithms: Any, keys: Any, said: str) -> None:
    assert said in shortfall(configuration, algorithms, keys, arn_of)
