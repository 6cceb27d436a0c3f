"""Where a policy has to run: in every region, or once in an account.

IAM returns the same resources in every region. If a policy ran in three regions, one user without MFA would be three
findings.
"""
from __future__ import annotations

from enum import StrEnum

from .policy import Kind, Policy


class Scope(StrEnum):
    """Where a policy has to run."""

    ACCOUNT = "account"
    """Once in each account."""
    REGION = "region"
    """In each region of each account."""


SCOPES = tuple(Scope)
# Services whose calls CloudTrail records only in us-east-1, wherever they were made. Sign-ins are not included: those
# of users are recorded in the region of their sign-in page, those of the root user in us-east-1.
_RECORDED_ONCE = frozenset(
    f"{service}.amazonaws.com" for service in ("iam", "organizations", "route53", "cloudfront", "shield")
)


def audit_scope(policy: Policy) -> Scope:
    """Where an audit runs the policy; functions and exceptions use the same rule."""
    from custom_actions.resources import whole_account

    return Scope.ACCOUNT if whole_account(policy.data) else Scope.REGION


def deploy_scope(policy: Policy) -> Scope:
    """Where the policy's function has to be deployed, so that each event or resource reaches exactly one function.

    Events are delivered in the region where CloudTrail records them. AWS Config records a bucket in its own region.
    """
    if "scope" in policy.metadata:
        return Scope(policy.metadata["scope"])
    if policy.kind is Kind.REALTIME:
        sources = _event_sources(policy)
        return Scope.ACCOUNT if sources and sources <= _RECORDED_ONCE else Scope.REGION
    if policy.kind is Kind.CONFIG_RULE and policy.resource == "aws.s3":
        return Scope.REGION
    return audit_scope(policy)


def _event_sources(policy: Policy) -> set[str]:
    from c7n.cwe import CloudWatchEvents

    sources = set()
    for event in policy.mode.get("events") or ():
        if isinstance(event, dict):
            sources.add(str(event.get("source")))
        else:
            sources.add(str((CloudWatchEvents.get(event) or {}).get("source")))
    return sources
