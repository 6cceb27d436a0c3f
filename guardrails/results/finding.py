"""A finding: one resource that a policy matched, in terms that a report can compare and count."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from custom_actions.resources import evidence, resource_arn, resource_id
from custom_actions.vocabulary import SEVERITIES

from ..accounts import Account
from ..policies import Policy


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
        return sha256("\0".join(self.key).encode(errors="backslashreplace")).hexdigest()[:32]

    @property
    def at_home(self) -> bool:
        """Whether it was seen in the region that its ARN names."""
        return f":{self.region}:" in self.arn

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two findings the same resource and policy, in whatever region they were seen."""
        name = self.arn or self.resource
        # Every region has an account's settings of its own, all under the ARN of the account.
        of_the_region = not self.arn or (self.arn.endswith(":root") and self.region != GLOBAL)
        return (self.account, self.policy, f"{self.region}/{name}" if of_the_region else name)

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
