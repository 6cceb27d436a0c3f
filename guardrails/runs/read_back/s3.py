"""Compares what fixes change in S3: public access blocks, ACLs, encryption, policies, logging and
lifecycle of buckets.

Source: S3's and S3 Control's Get calls for each operation.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from custom_actions.aws import absent, call, code_of
from custom_actions.elements.s3 import lifecycle_of
from custom_actions.fixing import contains

from ...accounts import AWS_ERRORS
from .base import AS_FIXED, BACK, Observation, Parameters, Reads, Receipt, changed, differs, merged, setting


def _block(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    now: Mapping[str, Any] | None = None
    try:
        now = call(client.get_public_access_block, Bucket=parameters["Bucket"])["PublicAccessBlockConfiguration"]
    except AWS_ERRORS as error:
        if code_of(error) != "NoSuchPublicAccessBlockConfiguration":
            raise
    if now == parameters.get("PublicAccessBlockConfiguration"):
        return BACK
    if now in [change.get("PublicAccessBlock") for change in receipt.get("added") or ()]:
        return AS_FIXED
    return changed(f"the public access block is {now or 'missing'}")


def _acl(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    def same(left: list[Any], right: list[Any]) -> bool:
        return all(each in right for each in left) and all(each in left for each in right)

    now = call(client.get_bucket_acl, Bucket=parameters["Bucket"])["Grants"]
    before = parameters["AccessControlPolicy"]["Grants"]
    removed = [grant for change in receipt.get("removed") or () for grant in change.get("Grants") or ()]
    if same(now, before):
        return BACK
    return AS_FIXED if same(now, [grant for grant in before if grant not in removed]) else changed(
        f"the ACL has other grants: {now}")


def _bucket_encryption(client: Any, parameters: Parameters) -> Any:
    answer = absent(
        client.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError", Bucket=parameters["Bucket"])
    return answer["ServerSideEncryptionConfiguration"] if answer else {}


def _bucket_policy(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    def document(text: Any) -> Any:
        return json.loads(text) if text else None

    answer = absent(client.get_bucket_policy, "NoSuchBucketPolicy", Bucket=parameters["Bucket"])
    now = document(answer["Policy"] if answer else None)
    if now == document(parameters.get("Policy")):
        return BACK
    added = [document(change["Policy"]) for change in receipt.get("added") or () if "Policy" in change] or [None]
    return AS_FIXED if now in added else differs(json.dumps(now))


def _account_block(client: Any, parameters: Parameters) -> Any:
    answer = absent(client.get_public_access_block, "NoSuchPublicAccessBlockConfiguration",
                    AccountId=parameters["AccountId"])
    return answer["PublicAccessBlockConfiguration"] if answer else {}


def _bucket_logging(client: Any, parameters: Parameters) -> Any:
    return call(client.get_bucket_logging, Bucket=parameters["Bucket"]).get("LoggingEnabled") or {}


def _lifecycle(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    now = lifecycle_of(client, parameters["Bucket"])
    # A receipt has dates as strings.
    rules = json.loads(json.dumps(now["LifecycleConfiguration"]["Rules"] if now else [], default=str))
    if rules == (parameters.get("LifecycleConfiguration") or {}).get("Rules", []):
        return BACK
    return AS_FIXED if contains(rules, merged(receipt).get("Rules")) else differs(rules)


S3: Reads = {
    ("s3", "put_public_access_block"): _block,
    ("s3", "delete_public_access_block"): _block,
    ("s3", "put_bucket_acl"): _acl,
    **dict.fromkeys((("s3", "put_bucket_encryption"), ("s3", "delete_bucket_encryption")), setting(
        _bucket_encryption, lambda given: given.get("ServerSideEncryptionConfiguration") or {}, "Encryption")),
    ("s3", "put_bucket_policy"): _bucket_policy,
    ("s3", "delete_bucket_policy"): _bucket_policy,
    ("s3", "put_bucket_lifecycle_configuration"): _lifecycle,
    ("s3", "delete_bucket_lifecycle"): _lifecycle,
    ("s3", "put_bucket_logging"): setting(
        _bucket_logging, lambda given: given["BucketLoggingStatus"].get("LoggingEnabled") or {}, "Logging"),
    **dict.fromkeys((("s3control", "put_public_access_block"), ("s3control", "delete_public_access_block")), setting(
        _account_block, lambda given: given.get("PublicAccessBlockConfiguration") or {}, "PublicAccessBlock")),
}
