"""The changes that c7n's actions make, by AWS operation: what to read before, which calls undo it, what to read after.

Source: the AWS API reference of each operation, and of the Get, List or Describe operation that shows its result.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...aws import absent, call
from ...errors import Refusal
from ...fixing import Step, contains
from ..cloudtrail import SETTINGS, answered_settings
from ..s3 import block_of, policy_of
from ..ssm import shared_with
from .change import IRREVERSIBLE, Attempt, Change, Plan, setting, settings_plan
from .changes_ec2 import EC2
from .changes_iam import IAM
from .changes_rds import RDS
from .changes_redshift import REDSHIFT
from .changes_switches import SWITCHES
from .settings import SETTINGS_CALLS

_BLOCK = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_NO_LOG_GROUP_DELETED = "rollback does not delete the new log group, because it may contain records by then"


def _block(attempt: Attempt) -> Change | None:
    """PutPublicAccessBlock, of a bucket or of the account."""
    client, configuration = attempt.client, attempt.parameters["PublicAccessBlockConfiguration"]
    of = {key: value for key, value in attempt.parameters.items() if key != "PublicAccessBlockConfiguration"}

    def read() -> dict[str, Any]:
        return dict(block_of(client.get_public_access_block, **of))

    before = read()
    wanted = {key: bool(configuration.get(key)) for key in _BLOCK}
    chosen = set(attempt.settings) & set(_BLOCK) or set(_BLOCK)
    # c7n writes the settings that it read earlier. Someone may have turned one of them on since.
    if lost := [key for key in _BLOCK if before.get(key) and not wanted[key] and key not in chosen]:
        raise Refusal(f"{', '.join(lost)} was turned on after c7n read the settings: run the policy again")
    inverse = attempt.undo("put_public_access_block", **of, PublicAccessBlockConfiguration=before) if before \
        else attempt.undo("delete_public_access_block", **of)
    return setting(attempt, "PublicAccessBlock", read, wanted, inverse, before=before)


def _bucket_encryption(attempt: Attempt) -> Change | None:
    client, bucket = attempt.client, attempt.parameters["Bucket"]

    def read() -> Any:
        answer = absent(client.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError", Bucket=bucket)
        return answer["ServerSideEncryptionConfiguration"] if answer else {}

    before = read()
    inverse = attempt.undo(
        "put_bucket_encryption", Bucket=bucket, ServerSideEncryptionConfiguration=before) if before \
        else attempt.undo("delete_bucket_encryption", Bucket=bucket)
    return setting(
        attempt, "Encryption", read, attempt.parameters["ServerSideEncryptionConfiguration"], inverse, before=before)


def _bucket_policy(attempt: Attempt) -> Change | None:
    """PutBucketPolicy and DeleteBucketPolicy. c7n derives the document from the one that it has read earlier."""
    client, bucket = attempt.client, attempt.parameters["Bucket"]
    before, wanted = policy_of(client, bucket), attempt.parameters.get("Policy")
    if not _same_document(attempt.resource.get("Policy"), before):
        raise Refusal("the bucket policy was changed after c7n read it: run the policy again")
    if _same_document(before, wanted):
        return None
    inverse = attempt.undo("put_bucket_policy", Bucket=bucket, Policy=before) if before \
        else attempt.undo("delete_bucket_policy", Bucket=bucket)
    step = Step(
        "set the bucket policy", attempt.call, inverse, removed={"Policy": before} if before else {},
        added={"Policy": wanted} if wanted else {})
    return Change(step, lambda: _same_document(policy_of(client, bucket), wanted))


def _same_document(left: str | None, right: str | None) -> bool:
    return _document(left) == _document(right)


def _document(text: str | None) -> Any:
    found = json.loads(text or "null")
    if isinstance(found, dict) and isinstance(found.get("Statement"), dict):
        # A single statement need not be in a list. Our filters make it one for c7n.
        found["Statement"] = [found["Statement"]]
    return found


def _bucket_logging(attempt: Attempt) -> Change | None:
    client, bucket = attempt.client, attempt.parameters["Bucket"]

    def read() -> Any:
        return call(client.get_bucket_logging, Bucket=bucket).get("LoggingEnabled") or {}

    before = read()
    inverse = attempt.undo(
        "put_bucket_logging", Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": before} if before else {})
    return setting(
        attempt, "Logging", read, attempt.parameters["BucketLoggingStatus"].get("LoggingEnabled") or {}, inverse,
        before=before)


def _balancer_attributes(attempt: Attempt) -> Change | None:
    client, balancer = attempt.client, attempt.parameters["LoadBalancerArn"]
    wanted = {each["Key"]: each["Value"] for each in attempt.parameters["Attributes"]}

    def read() -> dict[str, str]:
        found = call(client.describe_load_balancer_attributes, LoadBalancerArn=balancer)["Attributes"]
        return {each["Key"]: each["Value"] for each in found if each["Key"] in wanted}

    before = read()
    # An attribute without a value, such as the bucket of logs that are off, has no effect, and cannot be set to that.
    inverse = attempt.undo("modify_load_balancer_attributes", LoadBalancerArn=balancer, Attributes=[
        {"Key": key, "Value": value} for key, value in before.items() if value and value != wanted[key]])
    return setting(attempt, "Attributes", read, wanted, inverse, before=before)


def _listener(attempt: Attempt) -> Change | None:
    client, listener = attempt.client, attempt.parameters["ListenerArn"]
    wanted = {key: value for key, value in attempt.parameters.items() if key != "ListenerArn"}

    def read() -> dict[str, Any]:
        [found] = call(client.describe_listeners, ListenerArns=[listener])["Listeners"]
        return {key: found[key] for key in wanted if found.get(key)}

    before = read()
    inverse = attempt.undo("modify_listener", ListenerArn=listener, **before)
    return setting(attempt, listener, read, wanted, inverse, before=before)


def _trail(attempt: Attempt) -> Change | None:
    client, trail = attempt.client, attempt.parameters["Name"]
    wanted = {key: value for key, value in attempt.parameters.items() if key in SETTINGS}
    if strange := sorted(set(attempt.parameters) - {"Name", *wanted}):
        raise Refusal(f"the setting {', '.join(strange)} cannot be read again, so it could not be restored")

    def read() -> dict[str, Any]:
        found = answered_settings(call(client.get_trail, Name=trail)["Trail"])
        return {key: found[key] for key in wanted if key in found}

    before = read()
    # A key or a topic can be named in several ways; CloudTrail shows its ARN.
    named = {key for key, value in wanted.items() if isinstance(value, str) and value and not value.startswith("arn:")}

    def is_done() -> bool:
        now = read()
        return all(now.get(key) if key in named else contains(now.get(key), value) for key, value in wanted.items())

    if not named and contains(before, wanted):
        return None
    step = Step("update the trail", attempt.call, attempt.undo("update_trail", Name=trail, **before),
                removed={"Settings": before}, added={"Settings": wanted})
    return Change(step, is_done)


def _log_group(attempt: Attempt) -> Change | None:
    client, name = attempt.client, attempt.parameters["logGroupName"]

    def exists() -> bool:
        pages = call(lambda: list(client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)))
        return any(group["logGroupName"] == name for page in pages for group in page["logGroups"])

    if exists():
        return None
    step = Step("create the log group", attempt.call, added={"LogGroup": name},
                note=f"{IRREVERSIBLE}{_NO_LOG_GROUP_DELETED}: {name}")
    return Change(step, exists)


def _document_shares(attempt: Attempt) -> Change | None:
    client, name = attempt.client, attempt.parameters["Name"]
    add, remove = (set(attempt.parameters.get(f"AccountIdsTo{word}") or ()) for word in ("Add", "Remove"))
    before = shared_with(client, name)
    gone, new = sorted(remove & set(before)), sorted(add - set(before))
    if not gone and not new:
        return None
    versions = {before[account] for account in gone} - {""}
    if len(versions) > 1:
        raise Refusal(f"the accounts {', '.join(gone)} see different versions, so their shares could not be restored")
    inverse = attempt.undo(
        "modify_document_permission", Name=name, PermissionType="Share", AccountIdsToAdd=gone, AccountIdsToRemove=new,
        **({"SharedDocumentVersion": versions.pop()} if versions else {}))
    step = Step("change who the document is shared with", attempt.call, inverse,
                removed={"Accounts": gone} if gone else {}, added={"Accounts": new} if new else {})

    def is_done() -> bool:
        now = set(shared_with(client, name))
        return add <= now and not remove & now

    return Change(step, is_done)


CHANGES: Mapping[tuple[str, str], Plan] = {
    ("s3", "put_public_access_block"): _block,
    ("s3control", "put_public_access_block"): _block,
    ("s3", "put_bucket_encryption"): _bucket_encryption,
    ("s3", "put_bucket_policy"): _bucket_policy,
    ("s3", "delete_bucket_policy"): _bucket_policy,
    ("s3", "put_bucket_logging"): _bucket_logging,
    ("elbv2", "modify_load_balancer_attributes"): _balancer_attributes,
    ("elbv2", "modify_listener"): _listener,
    ("cloudtrail", "update_trail"): _trail,
    ("logs", "create_log_group"): _log_group,
    ("ssm", "modify_document_permission"): _document_shares,
    **{("ec2", operation): plan for operation, plan in EC2.items()},
    **{("iam", operation): plan for operation, plan in IAM.items()},
    **SWITCHES,
    **{("rds", operation): plan for operation, plan in RDS.items()},
    **{("redshift", operation): plan for operation, plan in REDSHIFT.items()},
    **{(each.service, each.operation): settings_plan(each) for each in SETTINGS_CALLS},
}
"""By boto3's names of service and operation."""
