"""What one run says, in the terms that every format lays out: counts, verdicts, score, changes, and what is unknown.

Read from the run's file when asked, so that a report of many accounts takes no more memory than its longest list.
Percentages are over what was seen, and what was not seen is always at hand to be said.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from custom_actions.vocabulary import SEVERITIES

from ..policies import Catalogue, FrameworkResult, PolicyResult, framework_results
from ..results import (
    AccountInfo,
    Changes,
    CheckRow,
    ExceptionState,
    Finding,
    PastRun,
    PolicyInfo,
    RunStore,
    Status,
    rank,
)
from .score import Score, ScoreInput, Thing, riskiest, score

STATES = ("ran", "denied", "throttled", "error", "not-run", "skipped")
# The severity, exposure and answers of checks, with the open findings of each: what score and verdicts are made of.
_PER_CHECK = """
select account, policy, state, open, excepted, count(*) from (
  select c.account, c.policy, c.state,
    (select count(*) from findings f where f.policy = c.policy and f.account = c.account and f.region = c.region
      and f.status = 'open') as open,
    (select count(*) from findings f where f.policy = c.policy and f.account = c.account and f.region = c.region
      and f.status = 'excepted') as excepted
  from checks c
) group by 1, 2, 3, 4, 5
"""


class Alike(NamedTuple):
    """How many checks of an account and policy are alike in all of the rest."""

    account: str
    policy: str
    state: str
    open: int
    excepted: int
    number: int


@dataclass(frozen=True)
class PolicyRow:
    """One policy over all accounts and regions."""

    policy: PolicyInfo
    open: int
    """Open findings."""
    excepted: int
    passed: int
    """Of those seen: the checks without an open finding."""
    seen: int
    asked: int
    """Without those skipped."""

    @property
    def verdict(self) -> str:
        """failed, passed, unknown or skipped; `passed` only where everything was seen."""
        if self.open:
            return "failed"
        if not self.asked:
            return "skipped"
        return "passed" if self.seen == self.asked else "unknown"


@dataclass(frozen=True)
class GroupRow:
    """One account, or one service, over all its policies."""

    key: str
    """The account's id, or the service."""
    name: str
    score: Score
    passed: int
    seen: int
    asked: int
    open: Mapping[str, int]
    """Severity to open findings."""
    excepted: int
    reason: str = ""
    """Why there was no way into the account."""


@dataclass(frozen=True)
class NotChosen:
    """What is known of a policy that the run was not asked for."""

    controls: Mapping[str, Sequence[str]]
    audited: bool


@dataclass(frozen=True)
class MissingRow:
    """Checks without a whole answer, where account, region, state and reason are the same."""

    account: str
    account_name: str
    region: str
    state: str
    reason: str
    policies: tuple[str, ...]


@dataclass(frozen=True)
class Assessment:
    """A finished run with all that a report says of it; `report.assess` makes it."""

    store: RunStore
    verb: str
    run: str
    """The run's id."""
    version: str
    """Of guardrails."""
    started: str
    """ISO 8601, UTC."""
    finished: str
    policies: Mapping[str, PolicyInfo]
    """Every policy of the selection, those that judge events too."""
    accounts: Sequence[AccountInfo]
    catalogues: Mapping[str, Catalogue]
    changes: Changes | None = None
    """None without a history."""
    trend: Sequence[PastRun] = ()
    """The runs of the same scope, this one last; empty without a history."""
    reopened: frozenset[str] = frozenset()
    """The ids of findings that had been fixed once."""
    exceptions: ExceptionState = field(default_factory=ExceptionState)
    headline: str = ""
    """The first line, where a verb has more to say than how many checks ran."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What a verb adds to the JSON."""

    # What ran.

    @cached_property
    def totals(self) -> dict[str, int]:
        """How many checks ended in each state; states that did not occur are there with 0."""
        counted = dict(self.store.rows("select state, count(*) from checks group by state"))
        return {state: counted.get(state, 0) for state in STATES}

    @property
    def asked(self) -> int:
        """The checks that had an answer to give: all but those skipped."""
        return sum(self.totals.values()) - self.totals["skipped"]

    @property
    def seen(self) -> int:
        return self.totals["ran"]

    @property
    def complete(self) -> bool:
        """Whether every answer that was asked for is there and whole."""
        return self.seen == self.asked

    @property
    def not_audited(self) -> int:
        """Policies that judge events and cannot be swept."""
        return sum(not policy.audited for policy in self.policies.values())

    @property
    def remarks(self) -> list[str]:
        """What is to be known of how the run's data came about, as when it is collected from a bucket."""
        return list(self.store.get("notes", ()))

    def checks(self, *, missing: bool = False) -> Iterator[CheckRow]:
        """Every check, or those without a whole answer, by account, region and policy."""
        return self.store.checks(missing=missing)

    def missing(self) -> list[MissingRow]:
        """What did not run to its end, put together where account, region, state and reason are the same."""
        return missing_rows(self.checks(missing=True))

    # What drifts.

    def findings(self, *statuses: Status) -> Iterator[Finding]:
        """The findings of these statuses (all, when none is named), the most severe first."""
        return self.store.findings(*statuses)

    @cached_property
    def open_by_severity(self) -> dict[str, int]:
        """Severity to open findings, the most severe first; severities without any are left out."""
        counts: dict[str, int] = defaultdict(int)
        for policy, number in self.store.rows(
            "select policy, count(*) from findings where status = 'open' group by policy"
        ):
            counts[self.policies[policy].severity] += number
        return {severity: counts[severity] for severity in SEVERITIES if counts[severity]}

    def count(self, status: Status) -> int:
        """How many findings have the status."""
        return int(self.store.rows("select count(*) from findings where status = ?", status.value)[0][0])

    # What to make of it.

    @cached_property
    def _per_check(self) -> list[Alike]:
        return [Alike(*row) for row in self.store.rows(_PER_CHECK)]

    @cached_property
    def score(self) -> Score:
        return self._score(self._per_check)

    def _score(self, rows: Sequence[Alike]) -> Score:
        return score([
            ScoreInput(self.policies[row.policy].severity, self.policies[row.policy].exposure, row.state == "ran",
                       row.open, row.number, row.excepted)
            for row in rows if row.state != "skipped"
        ])

    @cached_property
    def by_policy(self) -> list[PolicyRow]:
        """The policies that were swept, the most severe and most violated first."""
        rows = []
        grouped = _grouped(self._per_check, "policy")
        for name, policy in self.policies.items():
            if policy.audited:
                asked, seen, passed, opened, excepted = _counts(grouped.get(name, []))
                rows.append(PolicyRow(policy, opened, excepted, passed, seen, asked))
        return sorted(rows, key=lambda row: (rank(row.policy.severity), -row.open, row.policy.name))

    @cached_property
    def by_account(self) -> list[GroupRow]:
        """Every account, the lowest score first; one that there was no way into has all its checks unseen."""
        grouped = _grouped(self._per_check, "account")
        names: dict[str, AccountInfo] = {}
        for account in self.accounts:
            names.setdefault(account.id, account)
        return self._groups(
            (number, account.name, account.reason, grouped.get(number, [])) for number, account in names.items())

    @cached_property
    def by_service(self) -> list[GroupRow]:
        """Every resource type that was asked for, the lowest score first."""
        grouped: dict[str, list[Alike]] = defaultdict(list)
        for row in self._per_check:
            grouped[self.policies[row.policy].service].append(row)
        return self._groups((service, service, "", rows) for service, rows in grouped.items())

    def _groups(self, groups: Any) -> list[GroupRow]:
        made = []
        for key, name, reason, rows in groups:
            asked, seen, passed, _, excepted = _counts(rows)
            by: dict[str, int] = defaultdict(int)
            for row in rows:
                by[self.policies[row.policy].severity] += row.open * row.number
            made.append(GroupRow(
                key, name, self._score(rows), passed, seen, asked,
                {severity: by[severity] for severity in SEVERITIES if by[severity]}, excepted, reason))
        return sorted(made, key=lambda row: (row.score.value, row.name))

    @cached_property
    def frameworks(self) -> list[FrameworkResult]:
        """Every framework, with the verdict of each of its requirements."""
        return self._verdicts(self._per_check)

    def frameworks_of(self, account: str) -> list[FrameworkResult]:
        """The same for one account (its id)."""
        return self._verdicts(_grouped(self._per_check, "account").get(account, []))

    def _verdicts(self, rows: Sequence[Alike]) -> list[FrameworkResult]:
        # A requirement that a policy covers which was not chosen is not covered by nothing.
        others = {name: NotChosen(**data) for name, data in self.store.get("not_chosen", {}).items()}
        return framework_results(self.catalogues, {**others, **self.policies}, self._policy_results(rows))

    def _policy_results(self, rows: Sequence[Alike]) -> dict[str, PolicyResult]:
        grouped = _grouped(rows, "policy")
        made = {}
        for name, policy in self.policies.items():
            of = grouped.get(name, [])
            asked, seen, passed, opened, excepted = _counts(of)
            skipped = sum(row.number for row in of if row.state == "skipped")
            made[name] = PolicyResult(
                name, audited=policy.audited, asked=asked, seen=seen, skipped=skipped, failed=seen - passed,
                open=opened, excepted=excepted)
        return made

    def riskiest(self, limit: int = 10) -> list[Thing]:
        """What to do first: the policies whose open findings carry the most risk, with how many and where."""
        return riskiest(self.policies, self.store.rows(
            "select policy, count(*), count(distinct account) from findings where status = 'open' group by policy"),
            limit)

    # What to say of it.

    def first_line(self) -> str:
        """What a reader has to know before anything else."""
        if self.headline:
            return self.headline
        where = f"{counted(len(self.accounts), 'account')}, {counted(self.regions, 'region')}"
        if self.complete:
            return f"COMPLETE: all {self.asked} checks ran ({where})"
        return f"INCOMPLETE: {self.asked - self.seen} of {self.asked} checks did not run to their end ({where})"

    @cached_property
    def regions(self) -> int:
        """Regions that were named; what belongs to the whole account is in none."""
        return len({region for account in self.accounts for region in account.regions})

    def second_line(self) -> str:
        """The findings in numbers; the percentage is over what was seen."""
        by = ", ".join(f"{number} {severity}" for severity, number in self.open_by_severity.items())
        passed = sum(row.passed for row in self.by_policy)
        share = f"; {passed} of {self.seen} checks seen passed ({percent(passed, self.seen)})" if self.seen else ""
        excepted = self.count(Status.EXCEPTED)
        besides = f", {excepted} excepted" if excepted else ""
        return f"{counted(self.count(Status.OPEN), 'finding')}{f' ({by})' if by else ''}{besides}{share}"

    def notes(self) -> list[str]:
        """What the reader should know besides."""
        said = [f"score {self.score.shown} of 100 ({percent(self.seen, self.asked)} of the checks seen)"] \
            if self.asked else []
        if self.changes is not None and self.changes.previous:
            change = self.changes
            said.append(f"since {change.previous}: {change.new} new, {change.reopened} reopened, {change.fixed} fixed")
        said += [*self.remarks, *self.exceptions.notes()]
        if self.not_audited:
            said.append(
                f"{counted(self.not_audited, 'realtime policy', 'realtime policies')} not audited: they judge events, "
                "as they happen, and not what is there")
        return said


def missing_rows(checks: Iterable[CheckRow]) -> list[MissingRow]:
    """These checks, put together where account, region, state and reason are the same."""
    groups: dict[tuple[str, str, str, str, str], list[str]] = {}
    for check in checks:
        key = (check.account, check.account_name, check.region, check.state, check.reason)
        groups.setdefault(key, []).append(check.policy)
    return [MissingRow(*key, policies=tuple(policies)) for key, policies in groups.items()]


def _grouped(rows: Sequence[Alike], column: str) -> dict[str, list[Alike]]:
    found: dict[str, list[Alike]] = defaultdict(list)
    for row in rows:
        found[getattr(row, column)].append(row)
    return found


def _counts(rows: Sequence[Alike]) -> tuple[int, int, int, int, int]:
    """Of checks: asked, seen, seen without an open finding; and their open and excepted findings."""
    asked = seen = passed = opened = excepted = 0
    for row in rows:
        opened += row.open * row.number
        excepted += row.excepted * row.number
        if row.state == "skipped":
            continue
        asked += row.number
        if row.state == "ran":
            seen += row.number
            passed += row.number if not row.open else 0
    return asked, seen, passed, opened, excepted


def percent(part: int, whole: int) -> str:
    """Rounded down: 999 of 1,000 is not 100 %."""
    return f"{100 * part // whole} %" if whole else "-"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 account`, `2 accounts`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
