"""The checks of a run in groups, and their totals: what score, verdicts and tables are computed from."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from ..results import RunStore
from .score import OpenFindings

# How many checks have the same policy, account, state and numbers of findings, and the resources that they looked at.
_PER_CHECK = """
select account, policy, state, open, excepted, empty and not open and not excepted, count(*),
  sum(listed is null and state in ('ran', 'partial')), sum(ifnull(listed, 0)), sum(ifnull(in_scope, 0)),
  sum(ifnull(passed, 0)), sum(unknown)
from (
  select c.account, c.policy, c.state,
    (select count(*) from findings f where f.policy = c.policy and f.account = c.account and f.region = c.region
      and f.status = 'open') as open,
    (select count(*) from findings f where f.policy = c.policy and f.account = c.account and f.region = c.region
      and f.status = 'excepted') as excepted,
    c.state = 'ran' and ifnull(c.in_scope = 0, 0) as empty,
    c.listed, c.in_scope, c.passed, json_array_length(c.unknown) as unknown
  from checks c
) group by 1, 2, 3, 4, 5, 6
"""


class CheckGroup(NamedTuple):
    """Checks of one policy in one account with the same state and the same numbers of findings."""

    account: str
    policy: str
    state: str
    open: int
    """Open findings of each check."""
    excepted: int
    """Excepted findings of each check."""
    empty: bool
    """Whether the checks completed and had no resource in scope: there is nothing to judge."""
    number: int
    """How many checks there are."""
    uncounted: int
    """Checks of which it is not known how many resources they looked at. The numbers below are without these."""
    listed: int
    """Resources that all these checks listed."""
    in_scope: int
    """Of these, in scope."""
    passed: int
    """Of these, compliant."""
    unknown: int
    """Resources that could not be read."""


class ResourceTotals(NamedTuple):
    """The resources that some checks looked at. A resource that two checks judge counts twice."""

    listed: int = 0
    in_scope: int = 0
    """Of the listed, those to which the policies apply, including unknown ones."""
    open: int = 0
    """Open findings."""
    excepted: int = 0
    """Excepted findings."""
    passed: int = 0
    unknown: int = 0
    """Resources that could not be read."""
    checks: int = 0
    """How many checks say what they looked at."""
    counted: bool = True
    """False if other checks, which also have a result, do not say it; then only the findings are whole."""

    @property
    def out_of_scope(self) -> int:
        return self.listed - self.in_scope

    @property
    def words(self) -> str:
        """`3 of 120 open, 2 excepted, 115 passed`. If not all checks are counted, only the findings, or `-`."""
        counted = self.counted and self.checks > 0
        more = [
            f"{number} {what}" for number, what in (
                (self.excepted, "excepted"), (self.passed if counted else 0, "passed"), (self.unknown, "unknown"),
                (self.out_of_scope if counted else 0, "out of scope")) if number]
        if counted:
            first = f"{self.open} of {self.in_scope} open" if self.in_scope else "0 in scope"
        else:
            first = f"{self.open} open" if self.open else ""
        return ", ".join(filter(None, [first, *more])) or "-"


class CheckCounts(NamedTuple):
    """The totals of some checks."""

    asked: int
    """Checks, without the skipped ones."""
    seen: int
    """Checks that completed."""
    empty: int
    """Completed checks without a resource in scope: they have neither passed nor failed."""
    passed: int
    """Other completed checks without an open finding."""
    skipped: int
    resources: ResourceTotals

    @property
    def open(self) -> int:
        """Open findings."""
        return self.resources.open

    @property
    def excepted(self) -> int:
        """Excepted findings."""
        return self.resources.excepted


def check_groups(store: RunStore) -> list[CheckGroup]:
    """All checks of a run in groups."""
    return [
        CheckGroup(account, policy, state, opened, excepted, bool(empty), *numbers)
        for account, policy, state, opened, excepted, empty, *numbers in store.rows(_PER_CHECK)]


def open_findings(store: RunStore) -> Iterator[OpenFindings]:
    """How many open findings each policy has that has any."""
    rows = store.rows(
        "select policy, severity_of(account, policy), count(*), count(distinct account) from findings "
        "where status = 'open' group by 1, 2 order by 1")
    for policy, group in groupby(rows, itemgetter(0)):
        of = list(group)
        # A policy has one severity in an account, so no account counts twice.
        yield OpenFindings(policy, {row[1]: row[2] for row in of}, sum(row[3] for row in of))


def check_counts(groups: Iterable[CheckGroup]) -> CheckCounts:
    """The totals of these checks."""
    rows: Sequence[CheckGroup] = list(groups)
    completed = [row for row in rows if row.state == "ran"]
    skipped = sum(row.number for row in rows if row.state == "skipped")
    return CheckCounts(
        asked=sum(row.number for row in rows) - skipped,
        seen=sum(row.number for row in completed),
        empty=sum(row.number for row in completed if row.empty),
        passed=sum(row.number for row in completed if not row.open and not row.empty),
        skipped=skipped,
        resources=ResourceTotals(
            listed=sum(row.listed for row in rows), in_scope=sum(row.in_scope for row in rows),
            open=sum(row.open * row.number for row in rows), excepted=sum(row.excepted * row.number for row in rows),
            passed=sum(row.passed for row in rows), unknown=sum(row.unknown for row in rows),
            checks=sum(row.number - row.uncounted for row in rows if row.state in ("ran", "partial")),
            counted=not any(row.uncounted for row in rows)))
