"""Who gets access to a bucket from outside."""
from __future__ import annotations

import json
from typing import Any

import pytest

from custom_actions.elements.s3.outside import foreign_grants, outside_actions

OWN, OTHER = "111111111111", "222222222222"
ACTIONS = ["s3:PutBucketPolicy", "s3:PutObjectAcl"]
OTHERS = {"AWS": f"arn:aws:iam::{OTHER}:root"}


def only(key: str, account: str, operator: str = "StringEquals") -> dict[str, Any]:
    return {"Condition": {operator: {key: account}}}


@pytest.mark.parametrize(("statement", "found"), [
    ({"Principal": OTHERS, "Action": "s3:PutBucketPolicy"}, f"arn:aws:iam::{OTHER}:root: s3:PutBucketPolicy"),
    ({"Principal": {"AWS": OTHER}, "Action": "s3:Put*"}, f"{OTHER}: s3:PutBucketPolicy, s3:PutObjectAcl"),
    ({"Principal": {"AWS": [OWN, OTHER]}, "Action": ["S3:PUTOBJECTACL"]}, f"{OTHER}: s3:PutObjectAcl"),
    ({"Principal": {"CanonicalUser": "a1b2"}, "Action": "*"}, "a1b2: s3:PutBucketPolicy, s3:PutObjectAcl"),
    ({"Principal": "*", "Action": "s3:PutObjectAcl"}, "everyone: s3:PutObjectAcl"),
    ({"Principal": {"AWS": "*"}, "Action": "s3:PutObjectAcl", **only("aws:PrincipalAccount", OTHER)},
     "everyone: s3:PutObjectAcl"),
    ({"Principal": {"AWS": "*"}, "Action": "s3:PutObjectAcl", **only("aws:PrincipalAccount", OWN, "StringNotEquals")},
     "everyone: s3:PutObjectAcl"),
    ({"NotPrincipal": {"AWS": OWN}, "Action": "s3:PutObjectAcl"}, "everyone else: s3:PutObjectAcl"),
    ({"Principal": OTHERS, "NotAction": "s3:PutBucketPolicy"}, f"arn:aws:iam::{OTHER}:root: s3:PutObjectAcl"),
    ({"Principal": "*", "Action": "s3:PutObjectAcl", **only("AWS:PrincipalAccount", OWN)}, ""),
    ({"Principal": OTHERS, "Action": ["s3:GetObject", "s3:PutObject"]}, ""),
    ({"Principal": {"AWS": [OWN, f"arn:aws:sts::{OWN}:assumed-role/r/s"]}, "Action": "s3:*"}, ""),
    ({"Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": "s3:*"}, ""),
    ({"Principal": OTHERS, "Action": "s3:*", "Effect": "Deny"}, ""),
])
def test_what_a_policy_allows_other_accounts(statement: dict[str, Any], found: str) -> None:
    document = json.dumps({"Statement": [{"Effect": "Allow", "Resource": "*", **statement}]})
    assert outside_actions(document, ACTIONS, OWN) == ([f"statement number 1 allows {found}"] if found else [])


def test_a_bucket_without_a_policy_allows_nothing() -> None:
    assert outside_actions(None, ACTIONS, OWN) == []


@pytest.mark.parametrize(("grantee", "found"), [
    ({"ID": "owner", "Type": "CanonicalUser"}, []),
    ({"URI": "http://acs.amazonaws.com/groups/s3/LogDelivery", "Type": "Group"}, []),
    ({"ID": "friend", "Type": "CanonicalUser"}, ["READ for friend"]),
    ({"URI": "http://acs.amazonaws.com/groups/global/AllUsers", "Type": "Group"},
     ["READ for http://acs.amazonaws.com/groups/global/AllUsers"]),
    ({"EmailAddress": "a@example.com"}, ["READ for a@example.com"]),
    ({}, ["READ for unknown"]),
])
def test_grants_to_others(grantee: dict[str, str], found: list[str]) -> None:
    assert foreign_grants({"Owner": {"ID": "owner"}, "Grants": [{"Grantee": grantee, "Permission": "READ"}]}) == found
