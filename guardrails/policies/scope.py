"""Where a policy has to run: in every region, or once for the account.

IAM answers the same in every region; run in each, one user without a second factor would be three findings.
"""
from __future__ import annotations

from enum import StrEnum

from .policy import Kind, Policy


class Scope(StrEnum):
    ACCOUNT = "account"
    """Once an account."""
    REGION = "region"
    """In each region."""


SCOPES = tuple(Scope)
# Services whose calls CloudTrail records in us-east-1 alone, wherever they were made. Sign-ins are not among them: a
# user's is recorded in the region of the sign-in page that it came through, the root's in us-east-1.
_RECORDED_ONCE = frozenset(
    f"{service}.amazonaws.com" for service in ("iam", "organizations", "route53", "cloudfront", "shield")
)


def audit_scope(policy: Policy) -> Scope:
    """Where a sweep runs the policy: as its functions and exceptions see it too."""
    from custom_actions.resources import whole_account

    return Scope.ACCOUNT if whole_account(policy.data) else Scope.REGION


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




def _event_sources(policy: Policy) -> set[str]:
    from c7n.cwe import CloudWatchEvents

    sources = set()
    for event in policy.mode.get("events") or ():
        if isinstance(event, dict):
            sources.add(str(event.get("source")))
        else:
            sources.add(str((CloudWatchEvents.get(event) or {}).get("source")))
    return sources
