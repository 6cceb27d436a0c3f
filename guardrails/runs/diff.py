"""The policies that differ between two policy directories, and which resources each version matches.

A filter that looks right in a review may match nothing in the account, or everything. So the changed policies are
evaluated twice, in their old and in their new version, without any action. Where one of the two sweeps has no complete
result, the difference is unknown: a resource is then neither newly matched nor no longer matched.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from ..accounts import Accounts
from ..policies import Policy
from ..results import Finding
from .c7n_org import DEFAULT_CONCURRENCY, Concurrency
from .progress import ShowProgress, without_progress
from .sweeps import Sweep, SweepPlan, sweep

Place = tuple[str, str, str]
"""Account, region as in a report, policy."""
# Keys of a policy that do not change which resources a sweep matches.
_NOT_MATCHING = ("description", "title", "comment", "comments", "mode", "actions")


class ChangeKind(StrEnum):
    """What happened to a policy between the old and the new directory."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class PolicyChange:
    """A policy that is not the same in both directories."""

    name: str
    old: Policy | None
    """None if the policy was added."""
    new: Policy | None
    """None if the policy was removed."""

    @property
    def kind(self) -> ChangeKind:
        if self.old is None:
            return ChangeKind.ADDED
        return ChangeKind.REMOVED if self.new is None else ChangeKind.CHANGED

    @property
    def sweeps(self) -> bool:
        """Whether a sweep can evaluate it: at least one version does more than handle events."""
        return any(policy is not None and policy.sweeps for policy in (self.old, self.new))

    @property
    def matching_changed(self) -> bool:
        """Whether the two versions may match different resources; always true of an added or removed policy."""
        if self.old is None or self.new is None:
            return True
        return self.old.sweeps != self.new.sweeps or _matching(self.old) != _matching(self.new)

    @property
    def other_changes(self) -> tuple[str, ...]:
        """What changed in how the policy runs: `mode`, `actions`."""
        if self.old is None or self.new is None:
            return ()
        return tuple(key for key in ("mode", "actions") if self.old.data.get(key) != self.new.data.get(key))


def policy_changes(old: Iterable[Policy], new: Iterable[Policy]) -> list[PolicyChange]:
    """The policies that differ, by name."""
    before, after = {policy.name: policy for policy in old}, {policy.name: policy for policy in new}
    return [
        PolicyChange(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if name not in before or name not in after or before[name].data != after[name].data
    ]


def _matching(policy: Policy) -> Mapping[str, Any]:
    return {key: value for key, value in policy.data.items() if key not in _NOT_MATCHING}


@dataclass(frozen=True)
class VersionFindings:
    """What the sweep of one version of the policies found."""

    findings: Sequence[Finding] = ()
    missing: Mapping[Place, str] = field(default_factory=dict)
    """Where there is no complete result, and why."""

    @classmethod
    def of(cls, swept: Sweep) -> VersionFindings:
        """From a sweep."""
        return cls(swept.findings(), {
            (check.account.id, swept.region(check), check.policy.name): f"{check.state.value}: {check.reason}"
            for check in swept.missing
        })

    @cached_property
    def keys(self) -> frozenset[tuple[str, str, str]]:
        """The keys of the findings: a finding has the same key in both sweeps."""
        return frozenset(finding.key for finding in self.findings)


@dataclass(frozen=True)
class PolicyDifference:
    """One changed policy, and the resources that only one of its versions matches."""

    policy: PolicyChange
    before: int
    """How many resources the old version matches."""
    now: int
    """How many resources the new version matches."""
    newly: tuple[Finding, ...] = ()
    no_longer: tuple[Finding, ...] = ()
    unsure: tuple[Finding, ...] = ()
    """Matched by one version, where the sweep of the other has no complete result."""
    missing: tuple[str, ...] = ()
    """Each place without a complete result, and why."""

    def to_dict(self) -> dict[str, Any]:
        """The difference as written to diff.json."""
        return {
            "policy": self.policy.name, "change": self.policy.kind.value, "before": self.before, "now": self.now,
            "newly": [finding.to_dict() for finding in self.newly],
            "no_longer": [finding.to_dict() for finding in self.no_longer],
            "unsure": [finding.to_dict() for finding in self.unsure], "missing": list(self.missing),
        }


def differences(changes: Sequence[PolicyChange], old: VersionFindings, new: VersionFindings) -> list[PolicyDifference]:
    """The differences of `changes` between the sweeps of the old and the new version, in the same order."""
    return [_difference(change, old, new) for change in changes]


def _difference(change: PolicyChange, old: VersionFindings, new: VersionFindings) -> PolicyDifference:
    before = [finding for finding in old.findings if finding.policy == change.name]
    now = [finding for finding in new.findings if finding.policy == change.name]
    newly = [finding for finding in now if finding.key not in old.keys]
    no_longer = [finding for finding in before if finding.key not in new.keys]

    def unknown(finding: Finding, other: VersionFindings) -> bool:
        return (finding.account, finding.region, finding.policy) in other.missing

    return PolicyDifference(
        change, len(before), len(now),
        newly=tuple(finding for finding in newly if not unknown(finding, old)),
        no_longer=tuple(finding for finding in no_longer if not unknown(finding, new)),
        unsure=tuple([finding for finding in newly if unknown(finding, old)]
                     + [finding for finding in no_longer if unknown(finding, new)]),
        missing=tuple(
            f"{when}, {account} {region}: {why}"
            for when, version in (("before", old), ("now", new))
            for (account, region, name), why in version.missing.items() if name == change.name),
    )


@dataclass(frozen=True)
class PolicyDiff:
    """The result of comparing two policy directories."""

    changes: Sequence[PolicyChange]
    """Every changed policy, also those that no sweep can evaluate."""
    unchanged: int
    """How many policies are the same in both directories."""
    differences: Sequence[PolicyDifference]
    """Of the changed policies that were evaluated, by name."""

    @property
    def complete(self) -> bool:
        """Whether both versions have a complete result everywhere."""
        return not any(each.missing for each in self.differences)


def compare(
    old: Sequence[Policy], new: Sequence[Policy], accounts: Callable[[], Accounts], directory: Path, *,
    progress: ShowProgress = without_progress, concurrency: Concurrency = DEFAULT_CONCURRENCY,
) -> PolicyDiff:
    """Evaluate the policies that differ in both versions, and compare what they match. Changes no resource.

    Args:
        old: the policies of the old directory.
        new: the policies of the new directory.
        accounts: called for the accounts to sweep, only if a policy has to be evaluated.
        directory: where c7n-org's files go, under `old` and `new`.
    """
    changes = policy_changes(old, new)
    evaluated = [change for change in changes if change.sweeps and change.matching_changed]
    versions = {
        "old": [change.old for change in evaluated if change.old and change.old.sweeps],
        "new": [change.new for change in evaluated if change.new and change.new.sweeps],
    }
    swept = {"old": VersionFindings(), "new": VersionFindings()}
    if evaluated:
        found = accounts()
        for name, policies in versions.items():
            if policies:
                swept[name] = VersionFindings.of(sweep(
                    SweepPlan(policies, found), directory / name, progress=progress, concurrency=concurrency))
    return PolicyDiff(
        changes, len({policy.name for policy in new} - {change.name for change in changes}),
        differences(evaluated, swept["old"], swept["new"]))
