"""The assessment of one run, which every report format shows: counts, verdicts, score, changes, missing checks.

It reads from the run's file on demand, so that a report of many accounts needs no more memory than its longest list.
Percentages of passed checks count completed checks with something to judge; the others are always shown with them.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from custom_actions.vocabulary import SHOWN_SEVERITIES

from ..policies import Catalogue, Cover, FrameworkResult, PolicyResult, covering, framework_results
from ..results import (
    AccountInfo,
    CheckRow,
    ExceptionState,
    Finding,
    PassedCheck,
    PastRun,
    PolicyInfo,
    RunChanges,
    RunStore,
    Status,
    rank,
)
from .check_groups import CheckGroup, ResourceTotals, check_counts, check_groups, open_findings
from .missing import MissingRow, missing_rows
from .owner import OWNER_TAGS
from .score import Priority, Score, ScoreInput, riskiest, score

SHOWN_FRAMEWORKS = "shown_frameworks"
"""The fact about a run with the frameworks that its reports show; empty or missing for all."""
STATES = ("ran", "partial", "denied", "throttled", "error", "not-run", "skipped")


class CheckSubset(NamedTuple):
    """The checks of one account or service."""

    key: str
    name: str
    reason: str
    """Why the account could not be reached; else empty."""
    checks: Sequence[CheckGroup]


@dataclass(frozen=True)
class PolicyRow:
    """One policy in all accounts and regions."""

    policy: PolicyInfo
    open: int
    """Open findings."""
    excepted: int
    passed: int
    """Completed checks with something to judge and without an open finding."""
    seen: int
    """Checks that completed."""
    asked: int
    """Checks, without the skipped ones."""
    empty: int = 0
    """Completed checks without a resource in scope."""
    resources: ResourceTotals = field(default_factory=ResourceTotals)
    """The resources that its checks looked at."""

    @property
    def verdict(self) -> str:
        """failed, passed, nothing-to-judge, unknown or skipped.

        `passed` only when every check completed, and one of them had a resource in scope.
        """
        if self.open:
            return "failed"
        if not self.asked:
            return "skipped"
        if self.seen != self.asked:
            return "unknown"
        return "nothing-to-judge" if self.empty == self.seen else "passed"


@dataclass(frozen=True)
class GroupRow:
    """One account, or one service, with all its policies."""

    key: str
    """The account's id, or the service."""
    name: str
    score: Score
    passed: int
    """Completed checks with something to judge and without an open finding."""
    seen: int
    """Checks that completed."""
    asked: int
    """Checks, without the skipped ones."""
    open: Mapping[str, int]
    """Severity to number of open findings."""
    excepted: int
    reason: str = ""
    """Why the account could not be reached; else empty."""
    empty: int = 0
    """Completed checks without a resource in scope."""

    @property
    def judged(self) -> int:
        """Completed checks that passed or failed."""
        return self.seen - self.empty


Partial = Mapping[str, Mapping[str, str]]
"""The controls that a policy checks only in part: framework to control to what it does not check."""


@dataclass(frozen=True)
class UnselectedPolicy:
    """A policy that the run did not select. It still counts as covering its requirements."""

    controls: Mapping[str, Sequence[str]]
    audited: bool
    partial: Partial = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    """Framework to control to the parts that it checks, for the controls of which it checks some parts only."""


@dataclass(frozen=True)
class Assessment:
    """A finished run with everything that a report shows; made by `assess` and `assess_again`."""

    store: RunStore
    verb: str
    run: str
    """The run's id."""
    version: str
    """The version of guardrails."""
    started: str
    """ISO 8601, UTC."""
    finished: str
    policies: Mapping[str, PolicyInfo]
    """Every selected policy, including the realtime ones, which an audit cannot run."""
    accounts: Sequence[AccountInfo]
    catalogues: Mapping[str, Catalogue]
    changes: RunChanges | None = None
    """None without a history."""
    trend: Sequence[PastRun] = ()
    """The runs with the same scope, this one last; empty without a history."""
    reopened: frozenset[str] = frozenset()
    """The ids of open findings that had been fixed before."""
    exceptions: ExceptionState = field(default_factory=ExceptionState)
    headline: str = ""
    """The first line of a verb that reports more than how many checks ran; else empty."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """More keys for the JSON report."""
    whole: bool = True
    """Whether the verb did all its work; false for a heal that was interrupted or in which a fix failed."""
    owner_tags: Sequence[str] = OWNER_TAGS
    """The keys of tags that name a resource's owner."""
    not_compared: str = ""
    """Why the run was not compared with the history; empty when it was, and in a run without a history."""

    def reading(self, store: RunStore) -> Assessment:
        """The same assessment on another connection to the run's file, with what has been computed already."""
        same = replace(self, store=store)
        vars(same).update({name: value for name, value in vars(self).items() if name not in vars(same)})
        return same

    # What was asked for, and by whom.

    @cached_property
    def request(self) -> Mapping[str, Any]:
        """The options that the run was started with, by the names of `AuditRequest`; empty if it did not keep them."""
        return self.store.get("question") or self.store.get("request") or {}

    @property
    def caller(self) -> str:
        """The ARN of the user or role that ran it; empty if it is not known."""
        return str(self.store.get("caller", ""))

    @property
    def engine(self) -> str:
        """The version of c7n; empty if it is not known."""
        return str(self.store.get("c7n", ""))

    # The checks.

    @cached_property
    def totals(self) -> dict[str, int]:
        """State to number of checks; every state is included, with 0 if no check ended in it."""
        counted = dict(self.store.rows("select state, count(*) from checks group by state"))
        return {state: counted.get(state, 0) for state in STATES}

    @property
    def asked(self) -> int:
        """The number of checks, without the skipped ones."""
        return sum(self.totals.values()) - self.totals["skipped"]

    @property
    def seen(self) -> int:
        """The number of checks that completed."""
        return self.totals["ran"]

    @property
    def empty(self) -> int:
        """The number of completed checks without a resource in scope: they have neither passed nor failed."""
        return sum(row.empty for row in self.by_policy)

    @property
    def complete(self) -> bool:
        """Whether every check completed, and the verb did all its work."""
        return self.whole and self.seen == self.asked

    @property
    def not_audited(self) -> int:
        """The number of realtime policies: they evaluate events, so an audit cannot run them."""
        return sum(not policy.audited for policy in self.policies.values())

    @property
    def remarks(self) -> list[str]:
        """Notes about the source of the data, for example when it is collected from a bucket, and on the history."""
        return [*self.store.get("notes", ()), *filter(None, [self.not_compared])]

    def checks(self, *, missing: bool = False) -> Iterator[CheckRow]:
        """Every check, or with `missing` those that did not complete, by account, region and policy."""
        return self.store.checks(missing=missing)

    def missing(self) -> list[MissingRow]:
        """The checks that did not complete, grouped by account, region, state and reason."""
        return missing_rows(self.checks(missing=True))

    # The findings.

    def findings(self, *statuses: Status) -> Iterator[Finding]:
        """The findings with these statuses (with any, when none is given), the most severe first."""
        return self.store.findings(*statuses)

    # The resources that passed.

    @cached_property
    def evidence(self) -> bool:
        """Whether the run kept the ids of the resources that passed."""
        return bool(self.store.get("evidence", False))

    def passed(self, policy: str = "") -> Iterator[PassedCheck]:
        """The resources that passed, by policy, account and region; of one policy, or of all."""
        return self.store.passed(policy)

    @cached_property
    def fixed_and_passed(self) -> frozenset[str]:
        """The ids of fixed findings whose resources are among those that passed: they still exist."""
        policies = self.store.rows("select distinct policy from findings where status = 'fixed'")
        return frozenset(
            one.id for (policy,) in policies for check in self.passed(policy) for one in check.resources if one.fixed)

    @cached_property
    def open_by_severity(self) -> dict[str, int]:
        """Severity to number of open findings, the most severe first, without severities that have none."""
        counts = dict(self.store.rows(
            "select severity_of(account, policy), count(*) from findings where status = 'open' group by 1"))
        return {severity: counts[severity] for severity in SHOWN_SEVERITIES if severity in counts}

    def severity_of(self, account: str, policy: str) -> str:
        """The severity of a policy in an account, given by its id."""
        return self.store.severity_of(account, policy)

    def count(self, status: Status) -> int:
        """The number of findings with the status."""
        return int(self.store.rows("select count(*) from findings where status = ?", status.value)[0][0])

    # Score and verdicts.

    @cached_property
    def _per_check(self) -> list[CheckGroup]:
        return check_groups(self.store)

    @cached_property
    def score(self) -> Score:
        """The score of the whole run."""
        return self._score(self._per_check)

    def _score(self, rows: Sequence[CheckGroup]) -> Score:
        return score([
            ScoreInput(
                severity=self.severity_of(row.account, row.policy), exposure=self.policies[row.policy].exposure,
                seen=row.state == "ran", judged=not row.empty, open=row.open, number=row.number, excepted=row.excepted)
            for row in rows if row.state != "skipped"
        ])

    @cached_property
    def by_policy(self) -> list[PolicyRow]:
        """The policies that the audit ran, by general severity and number of open findings."""
        rows = []
        grouped = _grouped(self._per_check, "policy")
        for name, policy in self.policies.items():
            if policy.audited:
                counts = check_counts(grouped.get(name, []))
                rows.append(PolicyRow(
                    policy, open=counts.open, excepted=counts.excepted, passed=counts.passed, seen=counts.seen,
                    asked=counts.asked, empty=counts.empty, resources=counts.resources))
        return sorted(rows, key=lambda row: (rank(row.policy.severity), -row.open, row.policy.name))

    @cached_property
    def by_account(self) -> list[GroupRow]:
        """Every account, the lowest score first. None of the checks of an unreachable account completed."""
        grouped = _grouped(self._per_check, "account")
        names: dict[str, AccountInfo] = {}
        for account in self.accounts:
            names.setdefault(account.id, account)
        return self._groups(
            CheckSubset(number, account.name, account.reason, grouped.get(number, []))
            for number, account in names.items())

    @cached_property
    def by_service(self) -> list[GroupRow]:
        """Every resource type of the run, the lowest score first."""
        grouped: dict[str, list[CheckGroup]] = defaultdict(list)
        for row in self._per_check:
            grouped[self.policies[row.policy].service].append(row)
        return self._groups(CheckSubset(service, service, "", rows) for service, rows in grouped.items())

    def _groups(self, subsets: Iterable[CheckSubset]) -> list[GroupRow]:
        groups = []
        for subset in subsets:
            counts = check_counts(subset.checks)
            by: dict[str, int] = defaultdict(int)
            for row in subset.checks:
                by[self.severity_of(row.account, row.policy)] += row.open * row.number
            groups.append(GroupRow(
                key=subset.key, name=subset.name, score=self._score(subset.checks), passed=counts.passed,
                seen=counts.seen, asked=counts.asked,
                open={severity: by[severity] for severity in SHOWN_SEVERITIES if by[severity]},
                excepted=counts.excepted, reason=subset.reason, empty=counts.empty))
        return sorted(groups, key=lambda row: (not row.score.judged, row.score.value, row.name))

    @cached_property
    def frameworks(self) -> list[FrameworkResult]:
        """Every framework with the verdict on each of its requirements."""
        return self._verdicts(self._per_check, [account.id for account in self.accounts])

    def frameworks_of(self, account: str) -> list[FrameworkResult]:
        """Every framework with the verdicts for one account, given by its id."""
        return self._verdicts(_grouped(self._per_check, "account").get(account, []), [account])

    @cached_property
    def _partial_in(self) -> Mapping[str, Mapping[str, Partial]]:
        """Account to policy to what it checks only in part with the account's parameters, where these matter."""
        return self.store.get("partial_in", {})

    @cached_property
    def _every_policy(self) -> Mapping[str, PolicyInfo | UnselectedPolicy]:
        """All policies by name: one that the run did not select still covers its requirements."""
        others = {name: UnselectedPolicy(**data) for name, data in self.store.get("not_chosen", {}).items()}
        return {**others, **self.policies}

    @cached_property
    def _covered(self) -> Mapping[str, Mapping[str, Cover]]:
        """The policies that cover each requirement, in accounts without parameters that matter."""
        return covering(self.catalogues, self._every_policy)

    def _verdicts(self, rows: Sequence[CheckGroup], accounts: Sequence[str]) -> list[FrameworkResult]:
        # What is checked only in part in one of the accounts is checked only in part in all of them together.
        if any(self._partial_in.get(account) for account in accounts):
            policies: Mapping[str, PolicyInfo | UnselectedPolicy] = {
                name: UnselectedPolicy(
                    policy.controls, policy.audited, parts=policy.parts, partial=_all_partial(
                        self._partial_in.get(account, {}).get(name, policy.partial) for account in accounts))
                for name, policy in self._every_policy.items()}
            covered: Mapping[str, Mapping[str, Cover]] = covering(self.catalogues, policies)
        else:
            policies, covered = self._every_policy, self._covered
        found = framework_results(self.catalogues, policies, self._policy_results(rows), covered)
        shown = self.store.get(SHOWN_FRAMEWORKS) or self.catalogues
        return [result for result in found if result.catalogue.name in shown]

    def _policy_results(self, rows: Sequence[CheckGroup]) -> dict[str, PolicyResult]:
        grouped = _grouped(rows, "policy")
        results = {}
        for name, policy in self.policies.items():
            checks = grouped.get(name, [])
            counts = check_counts(checks)
            results[name] = PolicyResult(
                name, audited=policy.audited, asked=counts.asked, seen=counts.seen,
                skipped=counts.skipped, failed=counts.seen - counts.passed - counts.empty, open=counts.open,
                excepted=counts.excepted, empty=counts.empty, in_scope=counts.resources.in_scope,
                compliant=counts.resources.passed, counted=counts.resources.counted)
        return results

    def riskiest(self, limit: int = 10) -> list[Priority]:
        """What to fix first: the policies whose open findings carry the most risk."""
        return riskiest(self.policies, open_findings(self.store), limit)

    # Sentences.

    def first_line(self) -> str:
        """The most important sentence: whether the run is complete."""
        if self.headline:
            return self.headline
        where = f"{counted(len(self.accounts), 'account')}, {counted(self.regions, 'region')}"
        if self.complete:
            return f"COMPLETE: all {self.asked} checks ran ({where})"
        return f"INCOMPLETE: {self.asked - self.seen} of {self.asked} checks did not complete ({where})"

    @cached_property
    def regions(self) -> int:
        """The number of different regions of the accounts."""
        return len({region for account in self.accounts for region in account.regions})

    def second_line(self) -> str:
        """The findings in numbers; the percentage counts completed checks with something to judge."""
        by = ", ".join(f"{number} {severity}" for severity, number in self.open_by_severity.items())
        passed = sum(row.passed for row in self.by_policy)
        judged = self.seen - self.empty
        share = f"; {passed} of {judged} completed checks passed ({percent(passed, judged)})" if judged else ""
        empty = f"; {counted(self.empty, 'completed check')} had nothing to judge" if self.empty else ""
        excepted = f", {self.count(Status.EXCEPTED)} excepted" if self.count(Status.EXCEPTED) else ""
        return f"{counted(self.count(Status.OPEN), 'open finding')}{f' ({by})' if by else ''}{excepted}{share}{empty}"

    def notes(self) -> list[str]:
        """More sentences: score, changes, remarks, exceptions that need attention, policies that did not run."""
        completed = f"({percent(self.seen, self.asked)} of checks completed)"
        notes = []
        if self.asked:
            notes.append(
                f"score {self.score.shown} of 100 {completed}" if self.score.judged
                else f"no score: there was nothing to judge {completed}")
        if self.changes is not None and self.changes.previous:
            change = self.changes
            notes.append(f"since {change.previous}: {change.new} new, {change.reopened} reopened, {change.fixed} fixed")
        notes += [*self.remarks, *self.exceptions.notes()]
        if self.evidence:
            notes.append(self._evidence_note())
        if self.not_audited:
            notes.append(
                f"{counted(self.not_audited, 'realtime policy', 'realtime policies')} not audited: they evaluate "
                "events as they happen, not existing resources")
        return notes

    def _evidence_note(self) -> str:
        """How much of what passed is kept by id."""
        [(kept,)] = self.store.rows("select ifnull(sum(number), 0) from passed")
        [(without,)] = self.store.rows(
            "select count(*) from checks left join passed using (account, account_name, region, policy) "
            "where state in ('ran', 'partial') and ifnull(checks.passed, 1) > 0 and bits is null")
        return f"evidence: the ids of {counted(kept, 'passed resource')} are kept" + (
            f"; those of {counted(without, 'check')} are not known" if without else "")


def _all_partial(found: Iterable[Partial]) -> dict[str, dict[str, str]]:
    merged: dict[str, dict[str, str]] = {}
    for each in found:
        for framework, missing in each.items():
            merged.setdefault(framework, {}).update(missing)
    return merged


def _grouped(rows: Sequence[CheckGroup], column: str) -> dict[str, list[CheckGroup]]:
    found: dict[str, list[CheckGroup]] = defaultdict(list)
    for row in rows:
        found[getattr(row, column)].append(row)
    return found


def percent(part: int, whole: int) -> str:
    """`99 %`, rounded down so that 999 of 1,000 is not 100 %; `-` when `whole` is 0."""
    return f"{100 * part // whole} %" if whole else "-"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 account`, `2 accounts`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
