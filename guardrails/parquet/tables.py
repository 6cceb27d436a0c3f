"""The tables of the Parquet files: their columns, with meaning and types, and how runs become rows.

The files and the Glue tables of the stacks come from `TABLES`, and a test compares docs/query.md with it. A table may
get more columns; the name and the type of one that exists must stay, because files of earlier runs keep theirs.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..assessment import Assessment, days_open, owner_of
from ..results import Status

PARTITION = "run_date"
"""The column of the partitions: the UTC day on which the run started. It is part of the path, and not of the files."""
STRING, INTEGER, NUMBER, TRUTH, TIME, DATE = "string", "bigint", "double", "boolean", "timestamp", "date"
"""Types of columns, as Athena and Glue call them."""
DUCKDB_TYPES: Mapping[str, str] = {
    STRING: "VARCHAR", INTEGER: "BIGINT", NUMBER: "DOUBLE", TRUTH: "BOOLEAN", TIME: "TIMESTAMP", DATE: "DATE"}


@dataclass(frozen=True)
class ParquetColumn:
    """One column."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True)
class ParquetTable:
    """One table."""

    meaning: str
    columns: tuple[ParquetColumn, ...]
    rows: Callable[[Assessment], Iterator[Mapping[str, Any]]]
    """The rows of one run: column to value, as JSON has it."""


def _columns(**columns: tuple[str, str]) -> tuple[ParquetColumn, ...]:
    return tuple(ParquetColumn(name, kind, meaning) for name, (kind, meaning) in columns.items())


def utc(time: str) -> datetime:
    """An ISO 8601 time in UTC, without a time zone, as Athena reads a timestamp. Raises ValueError for other text."""
    moment = datetime.fromisoformat(time)
    return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)


def _time(time: str) -> str | None:
    return utc(time).isoformat(" ") if time else None


def _runs(run: Assessment) -> Iterator[Mapping[str, Any]]:
    changes = run.changes
    yield {
        "run": run.run, "verb": run.verb, "version": run.version, "scope": run.store.get("scope"),
        "started": _time(run.started), "finished": _time(run.finished), "complete": run.complete,
        "checks_asked": run.asked, "checks_completed": run.seen, "checks_skipped": run.totals["skipped"],
        "score": run.score.value if run.score.judged else None,
        "open_findings": run.count(Status.OPEN), "excepted_findings": run.count(Status.EXCEPTED),
        "fixed_findings": run.count(Status.FIXED),
        "new_findings": changes.new if changes and changes.previous else None,
        "accounts": len(run.accounts), "accounts_not_reached": sum(bool(one.reason) for one in run.accounts),
        "policies": len(run.policies), "policies_not_audited": run.not_audited, "caller": run.caller or None,
    }


def _checks(run: Assessment) -> Iterator[Mapping[str, Any]]:
    counts: dict[tuple[str, str, str], dict[str, int]] = {}
    for policy, account, region, status, number in run.store.rows(
            "select policy, account, region, status, count(*) from findings group by 1, 2, 3, 4"):
        counts.setdefault((policy, account, region), {})[status] = number
    for check in run.checks():
        found = counts.get((check.policy, check.account, check.region), {})
        judged = check.judged
        yield {
            "run": run.run, "started": _time(run.started), "account": check.account,
            "account_name": check.account_name, "region": check.region, "policy": check.policy,
            "service": run.policies[check.policy].service,
            "severity": run.severity_of(check.account, check.policy),
            "state": check.state, "reason": check.reason or None, "matched": check.matched,
            "listed": judged.listed if judged else None, "in_scope": judged.in_scope if judged else None,
            "passed": judged.passed if judged else None,
            "open_findings": found.get(Status.OPEN, 0), "excepted_findings": found.get(Status.EXCEPTED, 0),
            "unknown_resources": len(check.unknown),
            "unknown": [each._asdict() for each in check.unknown] or None,
        }


def _findings(run: Assessment) -> Iterator[Mapping[str, Any]]:
    for finding in run.findings():
        exception = finding.exception
        yield {
            "run": run.run, "started": _time(run.started), "id": finding.id, "status": finding.status.value,
            "severity": finding.severity, "account": finding.account, "account_name": finding.account_name,
            "region": finding.region, "service": finding.resource_type.partition(".")[2], "policy": finding.policy,
            "title": finding.title, "resource": finding.resource, "arn": finding.arn or None,
            "name": finding.name or None, "owner": owner_of(finding.tags, run.owner_tags) or None,
            "first_seen": _time(finding.first_seen), "last_seen": _time(finding.last_seen),
            "days_open": None if finding.status is Status.FIXED else days_open(finding.first_seen, run.started),
            "exposure": finding.exposure, "response": finding.response,
            "exception_reason": exception.get("reason"), "exception_owner": exception.get("owner"),
            "exception_ticket": exception.get("ticket"), "exception_expires": exception.get("expires"),
            "tags": finding.tags or None, "controls": finding.controls or None, "evidence": finding.evidence or None,
        }


_RUN = {"run": (STRING, "The run's id"), "started": (TIME, "When the run started, in UTC")}
_PLACE = {
    "account": (STRING, "The account's id"), "account_name": (STRING, "Its name"),
    "region": (STRING, "The region; `global` for what belongs to the whole account"),
}

TABLES: Mapping[str, ParquetTable] = {
    "runs": ParquetTable("One row for each run.", _columns(
        run=(STRING, "The run's id"), verb=(STRING, "`audit`, `report` or `heal`"),
        version=(STRING, "The version of guardrails"),
        scope=(STRING, "A fingerprint of accounts, regions and policies: scores of one scope can be compared"),
        started=(TIME, "When it started, in UTC"), finished=(TIME, "When it ended, in UTC"),
        complete=(TRUTH, "Whether every check completed"),
        checks_asked=(INTEGER, "Checks that should have run"), checks_completed=(INTEGER, "Checks that completed"),
        checks_skipped=(INTEGER, "Checks that do not apply in their account"),
        score=(NUMBER, "0 to 100; null if there was nothing to judge"), open_findings=(INTEGER, "Open findings"),
        excepted_findings=(INTEGER, "Findings that an exception covers"),
        fixed_findings=(INTEGER, "Findings of earlier runs that this one found fixed"),
        new_findings=(INTEGER, "Open findings that no earlier run had; null for a first run, and without a history"),
        accounts=(INTEGER, "Accounts that were asked for"),
        accounts_not_reached=(INTEGER, "Those of them that could not be reached: nothing is known of them"),
        policies=(INTEGER, "Policies that were asked for"),
        policies_not_audited=(INTEGER, "Those of them that evaluate events, which an audit cannot run"),
        caller=(STRING, "The ARN of who ran it; null if it is not known")), _runs),
    "checks": ParquetTable(
        "One row for each check (account, region, policy) of each run, also if it did not run.", _columns(
            **_RUN, **_PLACE, policy=(STRING, "The policy's name"), service=(STRING, "Its resource type: `s3`"),
            severity=(STRING, "The policy's severity in this account"),
            state=(STRING, "`ran`; `skipped`: does not apply here; or unknown, which is never compliant: `partial`, "
                           "`denied`, `throttled`, `error`, `not-run`"),
            reason=(STRING, "Why it did not complete"), matched=(INTEGER, "Resources that the policy matched"),
            listed=(INTEGER, "Resources that it listed; null if it is not known"),
            in_scope=(INTEGER, "Those to which the policy applies"), passed=(INTEGER, "Those that are compliant"),
            open_findings=(INTEGER, "Its open findings"), excepted_findings=(INTEGER, "Those with an exception"),
            unknown_resources=(INTEGER, "Resources that could not be read"),
            unknown=(STRING, "These resources with the reasons, as JSON")), _checks),
    "findings": ParquetTable("One row for each finding of each run, with its status then.", _columns(
        **_RUN, id=(STRING, "The finding's id, the same in every run"),
        status=(STRING, "`open`, `excepted` or `fixed`"), severity=(STRING, "Its severity in this account"), **_PLACE,
        service=(STRING, "The resource type: `s3`"), policy=(STRING, "The policy's name"),
        title=(STRING, "The policy's title"), resource=(STRING, "The resource's id"),
        arn=(STRING, "Its ARN; null if it is not known"), name=(STRING, "Its name; null if it has none"),
        owner=(STRING, "Who answers for it, by its tags"),
        first_seen=(TIME, "The first run that found it, in UTC; null without a history"),
        last_seen=(TIME, "The last one"), days_open=(INTEGER, "Days from the first run that found it to this one"),
        exposure=(STRING, "`internet`, `cross-account` or `internal`"), response=(STRING, "What the policy does"),
        exception_reason=(STRING, "Of the exception that covers it"), exception_owner=(STRING, "The same"),
        exception_ticket=(STRING, "The same"), exception_expires=(DATE, "The last day of the exception"),
        tags=(STRING, "The resource's tags, as JSON"), controls=(STRING, "Framework to requirements, as JSON"),
        evidence=(STRING, "The values that made it match, as JSON")), _findings),
}
