"""Filters for buckets that a fix must not touch: `receives-logs`, `unusable-log-target` and `serves-website`."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from c7n.resources.s3 import get_region
from c7n.utils import type_schema

from ...aws import AWS_ERRORS, call, code_of, reason_of
from .elements import Bucket, BucketFilter
from .log_delivery import senders, why_unusable
from .read import absent, known_policy, region_of

_DEPTH = 10
"""How many buckets of a chain of access logs are followed."""


class ReceivesLogs(BucketFilter):
    """Buckets to which AWS services may deliver logs or other objects, by the bucket's policy or ACL.

    A service can deliver only where the policy or the ACL lets it write, so these two show every possible delivery: S3
    server access logs, load balancers, CloudTrail, AWS Config, CloudFront, VPC flow logs and others. A policy that lets
    everyone write, also under conditions, counts too. `services` limits the filter to some service principals. The
    services are stored as `c7n:ReceivesLogs`. One call for a bucket at most, and none if c7n has read policy and ACL.

    Whoever may change the policy of a bucket can make it match. Use it where a fix would do harm, not to hide drift.

    Written because c7n's `has-statement` compares the spelling of a single statement, and does not know the ACL.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-encryption-kms
            resource: aws.s3
            filters:
              - not:
                  - receives-logs
            actions:
              - type: set-bucket-encryption
                crypto: aws:kms
    """

    schema = type_schema("receives-logs", services={"oneOf": [
        {"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
    permissions = ("s3:GetBucketPolicy", "s3:GetBucketAcl")
    annotation_key = "c7n:ReceivesLogs"

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        wanted = self.data.get("services") or ()

        def find(client: Any, bucket: Bucket) -> list[str]:
            acl = bucket.get("Acl") or call(client.get_bucket_acl, Bucket=bucket["Name"])
            found = senders(known_policy(client, bucket), acl["Grants"])
            return [each for each in found if not wanted or each in wanted]

        return find


class UnusableLogTarget(BucketFilter):
    """Buckets whose access logs must not, or cannot, go to `target-bucket`. The reason is `c7n:UnusableLogTarget`.

    * the bucket is the target itself, or the target's own access logs end up in it: log files would be logged for ever.
    * the target is in another region or another account, or does not exist.
    * the target does not accept access logs: it encrypts with KMS, or has a default retention period.

    `target-bucket` may contain `{source_bucket_region}`, `{account_id}` and `{region}`, as in c7n's `toggle-logging`.
    If the target cannot be read, the bucket matches, and the reason begins with `unknown`. Each target is read once.

    Written because c7n's `toggle-logging` sets any target, and S3 accepts a bucket that logs into itself.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-logging
            resource: aws.s3
            filters:
              - not:
                  - type: unusable-log-target
                    target-bucket: "{account_id}-{source_bucket_region}-s3-logs"
            actions:
              - type: toggle-logging
                target_bucket: "{account_id}-{source_bucket_region}-s3-logs"
    """

    schema = type_schema(
        "unusable-log-target", required=["target-bucket"], **{"target-bucket": {"type": "string", "minLength": 1}})
    permissions = (
        "s3:GetBucketLocation", "s3:GetBucketLogging", "s3:GetEncryptionConfiguration",
        "s3:GetBucketObjectLockConfiguration",
    )
    annotation_key = "c7n:UnusableLogTarget"

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        account, reading = str(self.manager.config.account_id), Lock()
        targets: dict[str, Mapping[str, Any] | str] = {}

        def read(target: str) -> Mapping[str, Any] | str:
            with reading:
                if target not in targets:
                    targets[target] = _read_target(session, target, account)
            return targets[target]

        def find(client: Any, bucket: Bucket) -> list[str]:
            region = get_region(bucket)
            # Where one name is filled in later, c7n fills in none of a value.
            names = {"account_id": account, "region": str(self.manager.config.region), "source_bucket_region": region}
            target = self.data["target-bucket"]
            for name, value in names.items():
                target = target.replace(f"{{{name}}}", value)
            if bucket["Name"] == target:
                return [why_unusable(target, region, target, region, {}, None, ())]
            found = read(target)
            problem = found if isinstance(found, str) else why_unusable(bucket["Name"], region, target, **found)
            return [problem] if problem else []

        return find


def _read_target(session: Any, target: str, account: str) -> Mapping[str, Any] | str:
    """The arguments of `why_unusable` that describe the target; or why it cannot be used."""
    owned = {"Bucket": target, "ExpectedBucketOwner": account}
    try:
        region = region_of(session.client("s3"), owned)
        client = session.client("s3", region_name=region)
        encryption = absent(client.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError", **owned)
        lock = absent(client.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError", **owned)
        path = _path(session, target, account)
    except AWS_ERRORS as error:
        if code_of(error) == "NoSuchBucket":
            return f"the log bucket {target} does not exist"
        return f"unknown: the log bucket {target} cannot be read, or is not in this account: {reason_of(error)}"
    return {
        "target_region": region, "path": path,
        "encryption": (encryption or {}).get("ServerSideEncryptionConfiguration") or {},
        "retention": (((lock or {}).get("ObjectLockConfiguration") or {}).get("Rule") or {}).get("DefaultRetention"),
    }


def _path(session: Any, target: str, account: str) -> list[str]:
    """The buckets to which the access logs of the target go, directly or through others. Raises one of AWS_ERRORS."""
    path, bucket = [], target
    for _ in range(_DEPTH):
        owned = {"Bucket": bucket, "ExpectedBucketOwner": account}
        client = session.client("s3", region_name=region_of(session.client("s3"), owned))
        bucket = (call(client.get_bucket_logging, **owned).get("LoggingEnabled") or {}).get("TargetBucket", "")
        if not bucket or bucket in path:
            break
        path.append(bucket)
    return path


class ServesWebsite(BucketFilter):
    """Buckets with a website endpoint, which serves plain HTTP only. One call for each bucket.

    A bucket policy that denies requests without TLS makes the website unreachable, also as an origin of CloudFront. The
    endpoint is stored as `c7n:ServesWebsite`.

    Written because c7n's `Website` key treats a configuration that it may not read as missing.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-website
            resource: aws.s3
            filters:
              - serves-website
    """

    schema = type_schema("serves-website")
    permissions = ("s3:GetBucketWebsite",)
    annotation_key = "c7n:ServesWebsite"

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        def find(client: Any, bucket: Bucket) -> list[str]:
            found = absent(client.get_bucket_website, "NoSuchWebsiteConfiguration", Bucket=bucket["Name"])
            return [f"the website endpoint of {bucket['Name']}"] if found else []

        return find
