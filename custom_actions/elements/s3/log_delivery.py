"""Which buckets receive logs from AWS, and whether a bucket can receive another bucket's access logs. Pure: no AWS.

A service delivers to a bucket only if the bucket's policy or ACL lets it write. So these show every possible delivery,
with no call to the services: S3 server access logs, load balancers, CloudTrail, AWS Config, CloudFront, VPC flow logs.

Source: S3's user guide, "Enabling Amazon S3 server access logging" and "Restrictions"; Elastic Load Balancing's
"Access logs" (the accounts of the regions); CloudFront's "Access logs (standard logs)".
"""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .document import Statement, covers, everyone, statements, values

PUT = "s3:putobject"
S3_LOGS = "logging.s3.amazonaws.com"
LOG_GROUP = "http://acs.amazonaws.com/groups/s3/LogDelivery"
CLOUDFRONT = "cloudfront.amazonaws.com"
_CLOUDFRONT_ID = "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0"
LOAD_BALANCERS = "elasticloadbalancing.amazonaws.com"
ELB_ACCOUNTS = frozenset((
    "127311923021", "033677994240", "027434742980", "797873946194", "098369216593", "754344448648", "589379963580",
    "718504428378", "383597477331", "600734575887", "114774131450", "783225319266", "582318560864", "985666609251",
    "054676820928", "156460612806", "652711504416", "635631232127", "009996457667", "897822967062", "076674570225",
    "507241528517", "048591011584", "190560391635", "638102146993", "037604701340",
))
"""The accounts of AWS from which load balancers deliver in the regions that existed before August 2022."""
EVERYONE = "everyone"
_WRITES = ("WRITE", "FULL_CONTROL")


def senders(policy: str | None, grants: Sequence[Mapping[str, Any]]) -> list[str]:
    """The services that may write to a bucket, by their principal; `everyone` if the policy admits all of them."""
    found = [sender for statement in statements(policy) if _writes(statement) for sender in _principals(statement)]
    for grant in grants:
        grantee = grant.get("Grantee") or {}
        if grant.get("Permission") in _WRITES and grantee.get("URI") == LOG_GROUP:
            found.append(S3_LOGS)
        if grant.get("Permission") in _WRITES and grantee.get("ID") == _CLOUDFRONT_ID:
            found.append(CLOUDFRONT)
    return sorted(set(found))


def _writes(statement: Statement) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    if "NotAction" in statement:
        return not any(covers(action.lower(), PUT) for action in values(statement["NotAction"]))
    return any(covers(action.lower(), PUT) for action in values(statement.get("Action")))


def _principals(statement: Statement) -> list[str]:
    if everyone(statement):
        return [EVERYONE]
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping):
        # NotPrincipal with Allow admits all others.
        return [EVERYONE] if "NotPrincipal" in statement else []
    found = values(principal.get("Service"))
    accounts = {part for arn in values(principal.get("AWS")) for part in arn.split(":") if part in ELB_ACCOUNTS}
    if accounts:
        found.append(LOAD_BALANCERS)
    if _CLOUDFRONT_ID in values(principal.get("CanonicalUser")):
        found.append(CLOUDFRONT)
    return found


def why_unusable(
    bucket: str, region: str, target: str, target_region: str, encryption: Mapping[str, Any], retention: object,
    path: Collection[str],
) -> str:
    """Why the access logs of a bucket must not go to the target; empty if they can.

    Args:
        region, target_region: where the two buckets are.
        encryption: the target's ServerSideEncryptionConfiguration.
        retention: the target's default retention of Object Lock, if it has one.
        path: the buckets to which the target's own access logs go, directly or through others.
    """
    if bucket == target:
        return "it is the log bucket: each log file that it logs into itself would be logged again"
    if bucket in path:
        return f"the access logs of {target} end up in it: each would log the other's log files for ever"
    if region != target_region:
        return f"it is in {region} and {target} in {target_region}: S3 logs only to a bucket of the same region"
    for rule in encryption.get("Rules") or ():
        algorithm = (rule.get("ApplyServerSideEncryptionByDefault") or {}).get("SSEAlgorithm", "AES256")
        if algorithm != "AES256":
            return f"{target} encrypts with {algorithm}: S3 delivers access logs only with SSE-S3 (AES256)"
    if retention:
        return f"{target} has a default retention period: S3 does not deliver access logs to it"
    return ""
