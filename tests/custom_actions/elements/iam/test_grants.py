"""Which documents allow to decrypt every key, and all actions of a service."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.iam.documents import allows_decryption, allows_whole_services

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]}


@pytest.mark.parametrize(("statement", "count"), [
    ({"Action": "kms:Decrypt", "Resource": "*"}, 1),
    ({"Action": ["KMS:DECRYPT", "kms:Encrypt"], "Resource": ["*"]}, 1),
    ({"Action": "kms:*", "Resource": "*"}, 2),
    ({"Action": "*", "Resource": "*"}, 2),
    ({"Action": "kms:ReEncrypt*", "Resource": "arn:aws:kms:*:*:key/*"}, 1),
    ({"Action": "kms:Decrypt", "Resource": "arn:aws:kms:*:111122223333:key/*"}, 1),
    ({"Action": "kms:Decrypt", "Resource": "arn:aws-cn:kms:*:*:*"}, 1),
    ({"Action": "kms:Decrypt", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, 1),
    ({"NotAction": "s3:*", "Resource": "*"}, 2),
    ({"NotAction": ["kms:Decrypt", "iam:*"], "Resource": "*"}, 1),
    ({"Action": "kms:Decrypt", "NotResource": "arn:aws:s3:::b/*"}, 1),
    ({"Action": "kms:Decrypt", "NotResource": "arn:aws:kms:*:*:key/*"}, 0),
    ({"NotAction": "kms:*", "Resource": "*"}, 0),
    ({"Action": ["kms:Encrypt", "kms:DescribeKey"], "Resource": "*"}, 0),
    ({"Action": "kms:Decrypt", "Resource": KEY}, 0),
    ({"Action": "kms:Decrypt", "Resource": "arn:aws:kms:us-east-1:111122223333:key/*"}, 0),
    ({"Action": "kms:Decrypt", "Resource": "arn:aws:kms:*:111122223333:key/1234*"}, 0),
    ({"Action": "kms:Decrypt", "Resource": "arn:aws:s3:::*"}, 0),
    ({"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*"}, 0),
])
def test_who_decrypts_every_key(statement: dict[str, Any], count: int) -> None:
    assert len(allows_decryption(document(statement))) == count


@pytest.mark.parametrize(("denied", "count"), [
    ({"Action": "kms:*", "Resource": "*"}, 0),
    ({"Action": "kms:Decrypt", "Resource": "*"}, 1),
    ({"Action": "kms:*", "Resource": KEY}, 2),
    ({"Action": "kms:*", "NotResource": KEY}, 2),
    ({"Action": "kms:*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}, 2),
])
def test_what_is_denied_is_not_allowed(denied: dict[str, Any], count: int) -> None:
    found = allows_decryption(document({"Action": "*", "Resource": "*"}, {**denied, "Effect": "Deny"}))
    assert len(found) == count


@pytest.mark.parametrize(("statement", "found"), [
    ({"Action": "s3:*"}, ["statement 1 has Action s3:*"]),
    ({"Sid": "Queues", "Action": ["s3:Get*", "SQS:*"]}, ["statement Queues has Action SQS:*"]),
    ({"Action": "*"}, ["statement 1 has Action *"]),
    ({"NotAction": "iam:*"}, ["statement 1 has NotAction iam:*"]),
    ({"NotAction": "iam:CreateUser"}, []),
    ({"Action": ["s3:Get*", "ec2:Describe*", "s3:ListBucket"]}, []),
    ({"Effect": "Deny", "Action": "s3:*"}, []),
])
def test_who_allows_whole_services(statement: dict[str, Any], found: list[str]) -> None:
    assert allows_whole_services(document({"Resource": "*", **statement})) == found
