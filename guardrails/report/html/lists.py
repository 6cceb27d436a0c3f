"""Lists of the report: incomplete checks, grouped; the resources with the most risk; the exceptions by urgency."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from custom_actions.vocabulary import SHOWN_SEVERITIES

from ...assessment import Assessment, MissingRow, risk
from ...results import ExceptionEntry, ExceptionState

_NAMED_IN_PLACE = 4


@dataclass(frozen=True)
class NotSeen:
    """Incomplete checks of one account with the same state, reason and policies, in one or more regions."""

    account: str
    account_name: str
    regions: tuple[str, ...]
    state: str
    reason: str
    policies: tuple[str, ...]
    listed: int = 0
    """The number of the list with the policies; 0 when they are few and shown in the row."""

    @property
    def checks(self) -> int:
        return len(self.regions) * len(self.policies)


@dataclass(frozen=True)
class NotSeenTable:
    """All incomplete checks."""

    rows: tuple[NotSeen, ...]
    lists: tuple[tuple[str, ...], ...]
    """Long lists of policies, each once: every account that was not reached has the same one."""


def not_seen(missing: Iterable[MissingRow]) -> NotSeenTable:
    """Group rows that differ only in the region, and share long lists of policies."""
    grouped: dict[tuple[str, str, str, str, tuple[str, ...]], list[str]] = {}
    for row in missing:
        key = (row.account, row.account_name, row.state, row.reason, row.policies)
        grouped.setdefault(key, []).append(row.region)
    lists: dict[tuple[str, ...], int] = {}
    rows = []
    for (account, name, state, reason, policies), regions in grouped.items():
        number = lists.setdefault(policies, len(lists) + 1) if len(policies) > _NAMED_IN_PLACE else 0
        rows.append(NotSeen(account, name, tuple(regions), state, reason, policies, number))
    return NotSeenTable(tuple(rows), tuple(lists))


@dataclass(frozen=True)
class ExceptionRow:
    """One exception with its states."""

    entry: ExceptionEntry
    states: tuple[str, ...]
    """ended, expiring, misnamed, unused, unknown or in-force."""

    @property
    def key(self) -> str:
        """The value for the page's filter `exception`."""
        rule = self.entry.rule
        tags = sorted(map("=".join, rule.tags))
        return " ".join(filter(None, [
            rule.policy, rule.account, rule.region, rule.resource, rule.name, *tags, rule.expires.isoformat()]))


def exception_rows(state: ExceptionState) -> list[ExceptionRow]:
    """Every exception of the run, those that need attention first."""
    lists = {
        "ended": state.expired, "expiring": state.expiring, "misnamed": state.misnamed, "unused": state.unused,
        "unknown": state.unknown, "in-force": state.in_force,
    }
    states: dict[ExceptionEntry, list[str]] = {}
    for name, listed in lists.items():
        for entry in listed:
            states.setdefault(entry, []).append(name)
    order = list(lists)
    rows = [
        ExceptionRow(entry, tuple(names[:-1] if len(names) > 1 and names[-1] == "in-force" else names))
        for entry, names in states.items()]
    return sorted(rows, key=lambda row: (order.index(row.states[0]), row.entry.days_left))


@dataclass(frozen=True)
class WorstResource:
    """One resource with its open findings."""

    key: str
    """The value for the page's filter `resource`."""
    resource: str
    arn: str
    account: str
    account_name: str
    region: str
    risk: float
    by_severity: Mapping[str, int]


def worst_resources(run: Assessment, limit: int) -> list[WorstResource]:
    """The `limit` resources with the highest total risk of open findings."""
    severities = {*SHOWN_SEVERITIES, *(policy.severity for policy in run.policies.values())}
    exposures = {policy.exposure for policy in run.policies.values()}
    weights = [
        value for severity in severities for exposure in exposures
        for value in (severity, exposure, risk(severity, exposure))]
    marks = ", ".join(["(?, ?, ?)"] * (len(weights) // 3))
    rows = run.store.rows(
        f"with weights (severity, exposure, risk) as (values {marks}), "  # noqa: S608
        "exposed (policy, exposure) as (select name, json_extract(data, '$.exposure') from policies), "
        "placed as (select *, severity_of(account, policy) as severity, case when arn = '' "
        "then account || '/' || region || '/' || resource else arn end as key from findings where status = 'open') "
        "select key, min(resource), arn, account, account_name, min(region), sum(risk) "
        "from placed join exposed using (policy) join weights using (severity, exposure) "
        "group by key, account order by 7 desc, 1, 4 limit ?", *weights, limit,
    ) if run.policies else []
    marks = ", ".join(["(?, ?)"] * len(rows))
    counts = {
        (account, key, severity): number for account, key, severity, number in run.store.rows(
            "select account, case when arn = '' then account || '/' || region || '/' || resource else arn end as key, "  # noqa: S608
            "severity_of(account, policy), count(*) from findings "
            f"where status = 'open' and (account, key) in (values {marks}) group by 1, 2, 3",
            *(value for key, _, _, account, *_ in rows for value in (account, key)))} if rows else {}
    return [
        WorstResource(
            key, resource, arn, account, name, region, weight,
            {severity: counts[account, key, severity] for severity in SHOWN_SEVERITIES
             if (account, key, severity) in counts})
        for key, resource, arn, account, name, region, weight in rows
    ]
