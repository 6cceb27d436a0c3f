"""Which services may deliver to a bucket, and to which bucket access logs may go."""
from __future__ import annotations

import json
from typing import Any

import pytest

from custom_actions.elements.s3.log_delivery import senders as found
from custom_actions.elements.s3.log_delivery import why_unusable

LOGS = {"Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/s3/LogDelivery"}, "Permission": "WRITE"}
AES = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
KMS = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}


def statement(**elements: Any) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*", **elements}]})


@pytest.mark.parametrize(("elements", "expected"), [
    ({"Principal": {"Service": "logging.s3.amazonaws.com"}}, ["logging.s3.amazonaws.com"]),
    ({"Principal": {"Service": ["cloudtrail.amazonaws.com", "config.amazonaws.com"]}},
     ["cloudtrail.amazonaws.com", "config.amazonaws.com"]),
    ({"Principal": {"Service": "delivery.logs.amazonaws.com"}, "Action": "S3:Put*"}, ["delivery.logs.amazonaws.com"]),
    ({"Principal": {"AWS": "arn:aws:iam::127311923021:root"}}, ["elasticloadbalancing.amazonaws.com"]),
    ({"Principal": {"AWS": "054676820928"}}, ["elasticloadbalancing.amazonaws.com"]),
    ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "111111111111"}}}, ["everyone"]),
    ({"NotPrincipal": {"AWS": "arn:aws:iam::111111111111:root"}}, ["everyone"]),
    ({"Principal": {"Service": "config.amazonaws.com"}, "NotAction": "s3:GetObject", "Action": None},
     ["config.amazonaws.com"]),
    # These deliver nothing.
    ({"Principal": {"Service": "cloudfront.amazonaws.com"}, "Action": "s3:GetObject"}, []),
    ({"Principal": {"Service": "logging.s3.amazonaws.com"}, "Effect": "Deny"}, []),
    ({"Principal": {"AWS": "arn:aws:iam::111111111111:root"}}, []),
])
def test_a_service_that_may_write_is_found(elements: dict[str, Any], expected: list[str]) -> None:
    if elements.get("Action", "") is None:
        document = json.loads(statement(**elements))
        del document["Statement"][0]["Action"]
        assert found(json.dumps(document), []) == expected
    else:
        assert found(statement(**elements), []) == expected


def test_the_acl_lets_s3_and_cloudfront_deliver() -> None:
    reads = {**LOGS, "Permission": "READ_ACP"}
    front = {"Grantee": {"Type": "CanonicalUser", "ID":
             "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0"}, "Permission": "FULL_CONTROL"}
    assert found(None, [LOGS, reads]) == ["logging.s3.amazonaws.com"]
    assert found(None, [front]) == ["cloudfront.amazonaws.com"]
    assert found(None, [reads]) == []


@pytest.mark.parametrize(("changed", "reason"), [
    ({}, ""),
    ({"bucket": "logs"}, "it is the log bucket"),
    ({"path": ["other", "web"]}, "the access logs of logs end up in it"),
    ({"target_region": "us-east-1"}, "S3 logs only to a bucket of the same region"),
    ({"encryption": KMS}, "only with SSE-S3"),
    ({"encryption": AES}, ""),
    ({"retention": {"Mode": "GOVERNANCE", "Days": 1}}, "default retention period"),
])
def test_a_log_bucket_must_be_usable(changed: dict[str, Any], reason: str) -> None:
    arguments = {"bucket": "web", "region": "eu-west-1", "target": "logs", "target_region": "eu-west-1",
                 "encryption": {}, "retention": None, "path": [], **changed}
    why = why_unusable(**arguments)
    assert reason in why
    assert bool(why) is bool(reason)
