"""The operator's side of exceptions: the file with its lines, what it lets off, and what has become of each entry.

An exception that nobody needs any more is a hole that waits for its resource, so a report names those that have ended,
will soon end, or matched nothing. Nothing is called unused of which not everything was seen.
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

from custom_actions.exceptions import FILE, VARIABLE, WARN_DAYS, ExceptionRule, InvalidExceptions, Subject, holds, parse

from ..errors import GuardrailsError
from ..paths import ROOT
from ..yamlfile import YamlError, read
from .finding import GLOBAL, Finding, Status
from .state import State

_NAMED = 5
Check = tuple[str, str, str, str]
"""Account, region (`global` for the whole account), policy, and how the check ended."""


@dataclass(frozen=True)
class ExceptionEntry:
    """One exception of the file, and what it has done in a run."""

    rule: ExceptionRule
    where: str
    """`exceptions.yml:7`."""
    days_left: int
    """Days after today on which it still holds; negative when it is over."""
    findings: int = 0
    """Those that it covers; several entries may cover one."""

    def to_dict(self) -> dict[str, Any]:
        """The rule, and what became of it, as JSON has it."""
        return {
            **self.rule.to_dict(), "where": self.where, "days_left": self.days_left, "findings": self.findings}

    def __str__(self) -> str:
        """In a few words, for a sentence."""
        return f"{self.rule.policy} on {self.rule.resource} ({self.rule.owner}, {self.where})"


@dataclass(frozen=True)
class ExceptionState:
    """What became of each exception in a run. `expiring`, `unused` and `unknown` are among those in force."""

    in_force: Sequence[ExceptionEntry] = ()
    expired: Sequence[ExceptionEntry] = ()
    """They count as not there."""
    expiring: Sequence[ExceptionEntry] = ()
    """They end within `warn_days`."""
    unused: Sequence[ExceptionEntry] = ()
    """They let nothing off, and everything that the run asked of what they speak of was seen."""
    unknown: Sequence[ExceptionEntry] = ()
    """They let nothing off, and not everything that they speak of was asked for and seen."""
    misnamed: Sequence[ExceptionEntry] = ()
    """In force or not, they name no policy that there is."""
    warn_days: int = WARN_DAYS

    def notes(self) -> list[str]:
        """What a reader should do something about, in short sentences; empty when there is nothing."""
        said = []
        if self.expired:
            said.append(f"{_counted(self.expired)} ended, and let nothing off: {_named(self.expired)}")
        if self.expiring:
            said.append(f"{_counted(self.expiring)} will end within {self.warn_days} days: {_named(self.expiring)}")
        if self.unused:
            said.append(f"{_counted(self.unused)} matched nothing: {_named(self.unused)}")
        if self.misnamed:
            said.append(f"{_counted(self.misnamed)} named no policy that there is: {_named(self.misnamed)}")
        return said

    def to_dict(self) -> dict[str, Any]:
        """Every list, as JSON has it."""
        return {
            name: [entry.to_dict() for entry in getattr(self, name)]
            for name in ("in_force", "expired", "expiring", "unused", "unknown", "misnamed")
        }


@dataclass(frozen=True)
class Exceptions:
    """The exceptions that a verb works with."""

    path: Path | None = None
    """The file in force; None when there is none."""
    rules: Sequence[ExceptionRule] = ()
    lines: Sequence[int] = ()
    """The line of each rule."""
    warn_days: int = WARN_DAYS
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When it is asked whether a rule has ended: once a run, so that all of a run says the same."""

    def rule_for(self, finding: Finding) -> ExceptionRule | None:
        """The rule in force that covers the finding."""
        return holds(self.rules, _subject(finding), self.now)

    def apply(self, finding: Finding) -> Finding:
        """The finding as excepted, with the rule, when one in force covers it; else as open, without one.

        What is fixed stays as it is.
        """
        if finding.status is Status.FIXED:
            return finding
        rule = self.rule_for(finding)
        if rule is None:
            return replace(finding, status=Status.OPEN, exception={})
        return replace(finding, status=Status.EXCEPTED, exception=rule.to_dict())

    def entries(self) -> Iterator[ExceptionEntry]:
        """Every entry of the file."""
        for rule, line in zip(self.rules, self.lines, strict=True):
            yield ExceptionEntry(rule, f"{self.path}:{line}", rule.days_left(self.now))

    def state(
        self, excepted: Iterable[Finding], checks: Iterable[Check], policies: Iterable[str] | None = None
    ) -> ExceptionState:
        """What became of each entry in a run, by its excepted findings and its checks.

        `policies` are the names of all policies that there are, also of those that the run was not asked for; without
        them nothing is called misnamed.
        """
        # All that cover a finding, not the first alone: nobody should take away the second as matching nothing.
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
    """The exceptions of the file, by default the project's own `exceptions.yml` when it is there.

    Raises GuardrailsError with the line when the file is not there, or says what must not be used.
    """
    now = now or datetime.now(UTC)
    if path is None:
        path = ROOT / FILE
        if not path.is_file():
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
    """The rules of which something was asked for, and everything that was asked for was seen."""
    seen: set[ExceptionRule] = set()
    missing: set[ExceptionRule] = set()
    for account, region, policy, state in checks:
        if state == State.SKIPPED:
            continue
        for rule in rules:
            if _speaks_of(rule, account, region, policy):
                (seen if state == State.RAN else missing).add(rule)
    return seen - missing


def _speaks_of(rule: ExceptionRule, account: str, region: str, policy: str) -> bool:
    """Whether the rule can cover what this check finds; what its ARN says of account and region counts too."""
    if not (rule.concerns(policy, account) and (region == GLOBAL or fnmatchcase(region, rule.region))):
        return False
    parts = rule.resource.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return True
    return (
        (region == GLOBAL or not parts[3] or fnmatchcase(region, parts[3]))
        and (not parts[4] or fnmatchcase(account, parts[4])))


def _subject(finding: Finding) -> Subject:
    return Subject(finding.policy, finding.account, finding.region, finding.resource, finding.arn)


def _counted(entries: Sequence[ExceptionEntry]) -> str:
    return f"{len(entries)} exception" + ("" if len(entries) == 1 else "s")


def _named(entries: Sequence[ExceptionEntry]) -> str:
    more = len(entries) - _NAMED
    return "; ".join(map(str, entries[:_NAMED])) + (f"; and {more} more" if more > 0 else "")


@contextmanager
def exceptions_in_force(file: Path | None) -> Iterator[None]:
    """While it lasts, the exceptions of that file hold in this process; none without one."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(file or "")
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
