"""The operator's side of exceptions: the file with its lines, the findings that it covers, and the state of each entry.

An exception that is no longer needed is a risk: a new resource may match it. So a report lists the exceptions that
have expired, expire soon, or matched nothing. An exception is called unused only if all its checks completed.
"""
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from custom_actions.exceptions import (
    VARIABLE,
    WARN_DAYS,
    ExceptionRule,
    InvalidExceptions,
    Subject,
    default_file,
    holds,
    parse,
)

from ..errors import GuardrailsError
from ..policies import Policy
from ..yamlfile import YamlError, read
from .finding import GLOBAL, Finding, Status
from .state import State

_NAMED = 5
Check = tuple[str, str, str, str]
"""Account, region (`global` for the whole account), policy, and state of a check."""


@dataclass(frozen=True)
class ExceptionEntry:
    """One exception of the file, with its use in a run."""

    rule: ExceptionRule
    where: str
    """`exceptions.yml:7`."""
    days_left: int
    """Days until it expires, 0 on its last day; negative when it has expired."""
    findings: int = 0
    """The findings that it covers; several entries may cover the same one."""

    def to_dict(self) -> dict[str, Any]:
        """The exception for JSON."""
        return {
            **self.rule.to_dict(), "where": self.where, "days_left": self.days_left, "findings": self.findings}

    def __str__(self) -> str:
        """A short description for a sentence."""
        return f"{self.rule.policy} on {self.rule.selects} ({self.rule.owner}, {self.where})"


@dataclass(frozen=True)
class ExceptionState:
    """The exceptions by their state in a run. `expiring`, `unused` and `unknown` are subsets of `in_force`."""

    in_force: Sequence[ExceptionEntry] = ()
    expired: Sequence[ExceptionEntry] = ()
    """Expired exceptions; they have no effect."""
    expiring: Sequence[ExceptionEntry] = ()
    """Exceptions that expire within `warn_days`."""
    unused: Sequence[ExceptionEntry] = ()
    """Exceptions that matched nothing although every check that they could apply to completed."""
    unknown: Sequence[ExceptionEntry] = ()
    """Exceptions that matched nothing so far: not every check that they could apply to ran and completed."""
    misnamed: Sequence[ExceptionEntry] = ()
    """Exceptions, in force or expired, whose policy does not exist."""
    warn_days: int = WARN_DAYS

    def notes(self) -> list[str]:
        """Short sentences about exceptions that need attention; empty when none does."""
        notes = []
        if self.expired:
            notes.append(f"{_counted(self.expired)} expired and without effect: {_named(self.expired)}")
        if self.expiring:
            notes.append(f"{_counted(self.expiring)} will expire within {self.warn_days} days: {_named(self.expiring)}")
        if self.unused:
            notes.append(f"{_counted(self.unused)} matched nothing: {_named(self.unused)}")
        if self.misnamed:
            notes.append(f"{_counted(self.misnamed)} for a policy that does not exist: {_named(self.misnamed)}")
        return notes

    def to_dict(self) -> dict[str, Any]:
        """All lists for JSON."""
        return {
            name: [entry.to_dict() for entry in getattr(self, name)]
            for name in ("in_force", "expired", "expiring", "unused", "unknown", "misnamed")
        }


@dataclass(frozen=True)
class Exceptions:
    """The exceptions of one run."""

    path: Path | None = None
    """The exceptions file; None when there is none."""
    rules: Sequence[ExceptionRule] = ()
    lines: Sequence[int] = ()
    """The line of each rule."""
    warn_days: int = WARN_DAYS
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """The time that expiry dates are compared with; one time for the whole run, so that the run is consistent."""

    def rule_for(self, finding: Finding) -> ExceptionRule | None:
        """The exception in force that covers the finding, if any."""
        return holds(self.rules, _subject(finding), self.now)

    def apply(self, finding: Finding) -> Finding:
        """The finding with status excepted and its exception if one in force covers it, else with status open.

        A fixed finding is returned unchanged.
        """
        if finding.status is Status.FIXED:
            return finding
        rule = self.rule_for(finding)
        if rule is None:
            return replace(finding, status=Status.OPEN, exception={})
        return replace(finding, status=Status.EXCEPTED, exception=rule.to_dict())

    def notes_on_names(self, policies: Iterable[Policy]) -> list[str]:
        """A sentence for each exception by name from a critical policy about exposure to the internet."""
        critical = [policy.name for policy in policies
                    if "critical" in policy.severities and policy.metadata.get("exposure") == "internet"]
        return [
            f"{entry} is for a critical policy about access from the internet: whoever may create such a resource "
            "chooses its name. Prefer an id, or made-by"
            for entry in self.entries() if entry.rule.name and entry.days_left >= 0
            and any(fnmatchcase(name, entry.rule.policy) for name in critical)
        ]

    def entries(self) -> Iterator[ExceptionEntry]:
        """Every entry of the file."""
        for rule, line in zip(self.rules, self.lines, strict=True):
            yield ExceptionEntry(rule, f"{self.path}:{line}", rule.days_left(self.now))

    def state(
        self, excepted: Iterable[Finding], checks: Iterable[Check], policies: Iterable[str] | None = None
    ) -> ExceptionState:
        """The state of each entry in a run, from its excepted findings and its checks.

        `policies` are the names of all existing policies, including those that the run did not select. Without them
        no exception is reported as misnamed.
        """
        # Count every rule that covers a finding, not only the first: the others must not be reported as unused.
        used: Counter[ExceptionRule] = Counter()
        for finding in excepted:
            subject = _subject(finding)
            used.update(rule for rule in set(self.rules) if rule.covers(subject) and not rule.expired(self.now))
        entries = [replace(entry, findings=used[entry.rule]) for entry in self.entries()]
        names = None if policies is None else set(policies)
        in_force = [entry for entry in entries if entry.days_left >= 0]
        idle = [entry for entry in in_force if not entry.findings]
        seen = _all_seen([entry.rule for entry in idle], checks)
        return ExceptionState(
            in_force=tuple(in_force),
            expired=tuple(entry for entry in entries if entry.days_left < 0),
            expiring=tuple(entry for entry in in_force if entry.days_left <= self.warn_days),
            unused=tuple(entry for entry in idle if entry.rule in seen),
            unknown=tuple(entry for entry in idle if entry.rule not in seen),
            misnamed=tuple(
                entry for entry in entries
                if names is not None and not any(fnmatchcase(name, entry.rule.policy) for name in names)),
            warn_days=self.warn_days,
        )


def load(path: Path | None, *, now: datetime | None = None) -> Exceptions:
    """The exceptions of the file, by default of `default_file()`; none if that does not exist.

    Raises GuardrailsError, with the line, for a file that is missing or invalid.
    """
    now = now or datetime.now(UTC)
    if path is None:
        path = default_file()
    if path is None:
        return Exceptions(now=now)
    try:
        source = read(path)
    except YamlError as error:
        raise GuardrailsError(f"{path}:{error.line}: {error.message}") from None
    try:
        listed = parse(source.data, now.date())
    except InvalidExceptions as error:
        raise GuardrailsError(f"{path}:{source.line(error.place)}: {error.problem}", error.fix) from None
    return Exceptions(
        path=path.resolve(), rules=listed.rules, lines=tuple(source.line(place) for place in listed.places),
        warn_days=listed.warn_days, now=now)


def _all_seen(rules: Sequence[ExceptionRule], checks: Iterable[Check]) -> set[ExceptionRule]:
    """The rules that apply to at least one check, and whose checks all completed."""
    seen: set[ExceptionRule] = set()
    missing: set[ExceptionRule] = set()
    for account, region, policy, state in checks:
        if state == State.SKIPPED:
            continue
        for rule in rules:
            if _applies_to(rule, account, region, policy):
                (seen if state == State.RAN else missing).add(rule)
    return seen - missing


def _applies_to(rule: ExceptionRule, account: str, region: str, policy: str) -> bool:
    """Whether the rule can cover findings of this check, judging by account, region and policy, and by its ARN."""
    if not (rule.concerns(policy, account) and (region == GLOBAL or fnmatchcase(region, rule.region))):
        return False
    parts = rule.resource.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return True
    return (
        (region == GLOBAL or not parts[3] or fnmatchcase(region, parts[3]))
        and (not parts[4] or fnmatchcase(account, parts[4])))


def _subject(finding: Finding) -> Subject:
    return Subject(
        finding.policy, finding.account, finding.region, finding.resource, finding.arn, finding.name, finding.tags)


def _counted(entries: Sequence[ExceptionEntry]) -> str:
    return f"{len(entries)} exception" + ("" if len(entries) == 1 else "s")


def _named(entries: Sequence[ExceptionEntry]) -> str:
    more = len(entries) - _NAMED
    return "; ".join(map(str, entries[:_NAMED])) + (f"; and {more} more" if more > 0 else "")


@contextmanager
def exceptions_in_force(file: Path | None) -> Iterator[None]:
    """Inside this context, c7n in this process applies the exceptions of the file; without a file it applies none."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(file or "")
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
