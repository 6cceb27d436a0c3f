"""Markdown: the summary that is read in a pull request or a ticket. It names the first findings and counts the rest."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TextIO

from ...assessment import Assessment, percent
from ...policies import Verdict
from ...results import ExceptionState, Finding, Status

FINDINGS_AT_MOST = 500
"""Rows of a table of findings; the CSV has all."""


def write(assessment: Assessment, stream: TextIO) -> None:
    """The summary; its second paragraph says whether the run is complete."""
    for part in _parts(assessment):
        # A table comes row by row.
        for line in part if not isinstance(part, str) else (part,):
            stream.write(f"{line}\n")
        stream.write("\n")


def _parts(assessment: Assessment) -> Iterator[str | Iterable[str]]:
    yield f"# {assessment.verb.capitalize()}: {_at(assessment.started)}"
    yield f"**{cell(assessment.first_line())}**"
    yield f"{assessment.second_line()}."
    for note in assessment.notes():
        yield f"{cell(note)}."
    if missing := assessment.missing():
        yield "## Did not run to the end"
        yield _table(("account", "region", "policies", "state", "reason"), (
            (row.account_name, row.region, ", ".join(row.policies), row.state, row.reason) for row in missing))
    if things := assessment.riskiest():
        yield "## Do first"
        yield _table(("severity", "exposure", "policy", "title", "findings", "accounts"), (
            (one.severity, one.exposure, one.policy, one.title, one.open, one.accounts) for one in things))
    yield "## Findings"
    yield from _findings(
        assessment, Status.OPEN, ("severity", "account", "region", "policy", "resource", "title", "fix"),
        lambda f: (f.severity, f.account_name, f.region, f.policy, f.resource, f.title, f.fix))
    if assessment.count(Status.EXCEPTED):
        yield "## Excepted"
        yield from _findings(
            assessment, Status.EXCEPTED,
            ("severity", "account", "region", "policy", "resource", "reason", "owner", "expires"),
            lambda f: (f.severity, f.account_name, f.region, f.policy, f.resource,
                       *(f.exception.get(key, "") for key in ("reason", "owner", "expires"))))
    if entries := list(_exceptions(assessment.exceptions)):
        yield "## Exceptions"
        yield _table(
            ("state", "policy", "account", "region", "resource", "owner", "expires", "findings", "where"), entries)
    if assessment.count(Status.FIXED):
        yield "## Fixed since earlier runs"
        yield from _findings(
            assessment, Status.FIXED, ("severity", "account", "region", "policy", "resource", "first seen"),
            lambda f: (f.severity, f.account_name, f.region, f.policy, f.resource, f.first_seen))
    if assessment.frameworks:
        yield "## Frameworks"
        yield _table(("framework", "passed of judged", "", *(verdict.value for verdict in Verdict), "listed"), (
            (result.catalogue.title, f"{result.passed} of {result.judged}", percent(result.passed, result.judged),
             *(result.counts[verdict] for verdict in Verdict),
             result.total if result.catalogue.whole else f"{result.total}, not the whole framework")
            for result in assessment.frameworks))
    yield "## Policies"
    yield _table(("severity", "policy", "result", "findings", "excepted", "passed", "seen", "asked"), (
        (row.policy.severity, row.policy.name, row.verdict, row.open, row.excepted, row.passed, row.seen, row.asked)
        for row in assessment.by_policy))
    if fixes := assessment.extra.get("fixes"):
        columns = ("outcome", "account", "region", "policy", "resource", "reason")
        yield "## Fixes"
        yield _table(columns, ([row.get(name, "") for name in columns] for row in fixes))


def _findings(
    assessment: Assessment, status: Status, columns: Sequence[str], row: Callable[[Finding], Sequence[object]]
) -> Iterator[str | Iterable[str]]:
    number = assessment.count(status)
    if not number:
        yield "None."
        return
    yield _table(columns, map(row, islice(assessment.findings(status), FINDINGS_AT_MOST)))
    if number > FINDINGS_AT_MOST:
        yield f"And {number - FINDINGS_AT_MOST} more, less severe, in the other formats."


def _exceptions(state: ExceptionState) -> Iterator[Sequence[object]]:
    """Every entry of the file once, with what is most to be known of it."""
    said: set[str] = set()
    for name in ("expired", "misnamed", "unused", "unknown", "expiring", "in_force"):
        for entry in getattr(state, name):
            if entry.where not in said:
                said.add(entry.where)
                rule = entry.rule
                yield (name.replace("_", " "), rule.policy, rule.account, rule.region, rule.resource, rule.owner,
                       rule.expires, entry.findings, Path(entry.where).name)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(cell(value) for value in row)} |"


_MARKDOWN = str.maketrans({
    **{mark: f"\\{mark}" for mark in "\\`*_[]|~#!"}, "<": "&lt;", ">": "&gt;", "&": "&amp;"
})


def cell(value: object) -> str:
    """A value as the text of a Markdown cell: nothing in it is markup, and it stays on its line."""
    shown = " ".join(str(value).split())
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown).translate(_MARKDOWN)


def _at(time: str) -> str:
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
