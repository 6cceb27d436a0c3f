"""A finding: one resource that a policy matched, in terms that a report can compare and count."""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from custom_actions.evidence import evidence

from .accounts import Account
from .policies import SEVERITIES, Policy


class Status(StrEnum):
    """Where a finding stands."""

    OPEN = "open"
    EXCEPTED = "excepted"
    """An exception in force covers it: the drift is there, and somebody answers for it."""
    FIXED = "fixed"
    """An earlier run found it; this one looked there, and it was gone."""


@dataclass(frozen=True)
class Finding:
    """One drifted resource."""

    account: str
    account_name: str
    region: str
    """`global` for what belongs to the whole account."""
    policy: str
    resource_type: str
    resource: str
    """The resource's id, as AWS has it."""
    arn: str
    """Empty where the id and the type do not tell it."""
    severity: str
    title: str
    response: str
    controls: Mapping[str, Sequence[str]] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """The values that made it match, and what our filters noted; long ones are cut."""
    fix: str = ""
    exposure: str = "internal"
    """From where it can be reached: internet, cross-account or internal; it weights the risk."""
    status: Status = Status.OPEN
    first_seen: str = ""
    """ISO 8601, UTC. Both are empty in a run that no history was kept of."""
    last_seen: str = ""
    exception: Mapping[str, Any] = field(default_factory=dict)
    """The exception that covers it; empty when none does."""

    @property
    def id(self) -> str:
        """The same in every run for the same account, policy and resource: 32 hexadecimal digits."""
        return sha256("\0".join(self.key).encode()).hexdigest()[:32]

    @property
    def at_home(self) -> bool:
        """Whether it was seen in the region that its ARN names."""
        return f":{self.region}:" in self.arn

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two findings the same resource and policy, in whatever region they were seen."""
        return (self.account, self.policy, self.arn or f"{self.region}/{self.resource}")

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON has it."""
        return {"id": self.id, **asdict(self)}


GLOBAL = "global"


def findings_of(
    policy: Policy, account: Account, region: str, resources: Iterable[Mapping[str, Any]], *, whole_account: bool
) -> list[Finding]:
    """The findings of one policy's output in one account and region."""
    return [
        Finding(
            account=account.id,
            account_name=account.name,
            region=GLOBAL if whole_account else region,
            policy=policy.name,
            resource_type=policy.resource,
            resource=resource_id(resource, policy.resource),
            arn=resource_arn(resource, policy.resource, account.id, region),
            severity=policy.severity,
            title=policy.title,
            response=policy.response,
            controls=policy.controls,
            evidence=evidence(resource),
            fix=str(policy.metadata.get("fix") or "").strip(),
            exposure=str(policy.metadata.get("exposure") or "internal"),
        )
        for resource in resources
    ]


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Each resource and policy once, the most severe first.

    Some services show one resource in every region (a multi-region trail); the one in its home region is kept.
    """
    kept: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        other = kept.get(finding.key)
        if other is None or (finding.at_home and not other.at_home):
            kept[finding.key] = finding
    return sorted(kept.values(), key=lambda f: (rank(f.severity), f.account_name, f.region, f.policy, f.resource))


def rank(severity: str) -> int:
    """0 for the most severe."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def resource_id(resource: Mapping[str, Any], resource_type: str) -> str:
    """The id by which AWS knows the resource."""
    from .engine import resource_class

    found = resource.get(resource_class(resource_type).resource_type.id)
    return str(found) if found is not None else json.dumps(resource, default=str, sort_keys=True)[:100]


def resource_arn(resource: Mapping[str, Any], resource_type: str, account: str, region: str) -> str:
    """The resource's ARN, from its own fields or from what c7n knows of the type; empty when neither tells it."""
    from c7n.utils import generate_arn, get_partition

    from .engine import resource_class

    kind = resource_class(resource_type).resource_type
    own = getattr(kind, "arn", None)
    for name in (own, kind.id, "Arn", "arn", "ARN"):
        found = resource.get(name) if name else None
        if isinstance(found, str) and found.startswith("arn:"):
            return found
    identity = resource.get(kind.id)
    if own is False or identity is None or getattr(kind, "arn_type", None) is None:
        return ""
    if resource_type == "aws.account":
        return f"arn:{get_partition(region)}:iam::{account}:root"
    # A bucket's ARN has neither region nor account.
    bucket = resource_type == "aws.s3"
    return str(generate_arn(
        kind.arn_service or kind.service,
        region="" if bucket or kind.global_resource else region,
        account_id="" if bucket else account,
        resource_type=kind.arn_type,
        separator=kind.arn_separator,
        resource=identity,
        partition=get_partition(region),
    ))

