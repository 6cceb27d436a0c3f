"""Where a policy has to run: in every region, or once for the account.

IAM answers the same in every region; run in each, one user without a second factor would be three findings.
"""
from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from .policies import Kind, Policy


class Scope(StrEnum):
    ACCOUNT = "account"
    """Once an account."""
    REGION = "region"
    """In each region."""


SCOPES = tuple(Scope)
# What `aws.account` reads and sets for the whole account; its other elements are settings of one region.
_OF_THE_ACCOUNT = frozenset({
    "credential", "organization", "iam-summary", "password-policy", "set-password-policy", "has-virtual-mfa",
    "s3-public-block", "set-s3-public-block", "shield-enabled", "set-shield-advanced", "service-limit",
    "request-limit-increase", "set-security-token-service-preferences", "check-cloudtrail", "enable-cloudtrail",
    "post-finding",
    # Ours, on IAM.
    "missing-policies", "strengthen-password-policy",
})
# Types whose name means more than the account's own metadata says.
_NEUTRAL = frozenset({"value", "event", "reduce", "list-item", "notify", "webhook", "put-metric"})
# Services whose calls CloudTrail records in us-east-1 alone, wherever they were made. Sign-ins are not among them: a
# user's is recorded in the region of the sign-in page that it came through, the root's in us-east-1.
_RECORDED_ONCE = frozenset(
    f"{service}.amazonaws.com" for service in ("iam", "organizations", "route53", "cloudfront", "shield")
)


def audit_scope(policy: Policy) -> Scope:
    """Where a sweep runs the policy. `metadata.scope` decides; without it the resource type does."""
    from .engine import resource_class

    if "scope" in policy.metadata:
        return Scope(policy.metadata["scope"])
    if policy.resource == "aws.account":
        return _account_scope(policy)
    # Any region lists the buckets of all.
    if policy.resource == "aws.s3" or resource_class(policy.resource).resource_type.global_resource:
        return Scope.ACCOUNT
    return Scope.REGION


def deploy_scope(policy: Policy) -> Scope:
    """Where the policy's function has to be, so that each event or resource reaches exactly one.

    An event is delivered where CloudTrail records it, and AWS Config records a bucket in the bucket's region.
    """
    if "scope" in policy.metadata:
        return Scope(policy.metadata["scope"])
    if policy.kind is Kind.REALTIME:
        sources = _event_sources(policy)
        return Scope.ACCOUNT if sources and sources <= _RECORDED_ONCE else Scope.REGION
    if policy.kind is Kind.CONFIG_RULE and policy.resource == "aws.s3":
        return Scope.REGION
    return audit_scope(policy)


def account_region(regions: Sequence[str]) -> str:
    """The region in which a sweep asks for what belongs to the whole account, in the partition of `regions`."""
    first = regions[0] if regions else ""
    if first.startswith("us-gov-"):
        return "us-gov-west-1"
    return "cn-north-1" if first.startswith("cn-") else "us-east-1"


def _account_scope(policy: Policy) -> Scope:
    from .engine import type_of, walk

    for kind in ("filters", "actions"):
        for _, entry in walk(policy.data.get(kind), (kind,)):
            name = type_of(entry)
            if name == "missing":
                # What is missing is looked for where its type lives: images in each region, users once.
                if not _lives_once(entry):
                    return Scope.REGION
                continue
            current = name == "check-cloudtrail" and isinstance(entry, dict) and entry.get("current-region")
            if current or name not in _OF_THE_ACCOUNT | _NEUTRAL:
                return Scope.REGION
    return Scope.ACCOUNT


def _lives_once(missing: Any) -> bool:
    """Whether what a `missing` filter looks for is the whole account's."""
    from .engine import resource_class

    inside = str((missing.get("policy") or {}).get("resource", "")) if isinstance(missing, dict) else ""
    resource = inside if "." in inside else f"aws.{inside}"
    return resource == "aws.s3" or bool(resource_class(resource).resource_type.global_resource)


def _event_sources(policy: Policy) -> set[str]:
    from c7n.cwe import CloudWatchEvents

    sources = set()
    for event in policy.mode.get("events") or ():
        if isinstance(event, dict):
            sources.add(str(event.get("source")))
        else:
            sources.add(str((CloudWatchEvents.get(event) or {}).get("source")))
    return sources
