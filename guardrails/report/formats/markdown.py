"""Markdown: the summary for a pull request or a ticket. It lists the first findings and counts the rest."""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from custom_actions.escaping import escaped

from ...assessment import Assessment, finding_groups, percent
from ...policies import RequirementVerdict
from ...results import TABLE, ExceptionState, Status
from ..fix_command import FixCommands
from .rows import ReportRow

FINDINGS_AT_MOST = 500
"""Rows in a table of findings; the CSV has all of them."""
COMMANDS_AT_MOST = 50
"""Commands that fix one finding; the CSV and the JSON have all of them."""
_PLACE = ("severity", "account_name", "region", "policy", "resource")


def pieces(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    """The summary. Its second paragraph says whether the run is complete."""
    for part in _parts(assessment):
        # A table is an iterator of lines.
        for line in part if not isinstance(part, str) else (part,):
            yield f"{line}\n"
        yield "\n"


def _parts(assessment: Assessment) -> Iterator[str | Iterable[str]]:
    yield f"# {assessment.verb.capitalize()}: {_at(assessment.started)}"
    yield f"**{cell(assessment.first_line())}**"
    yield f"{assessment.second_line()}."
    for note in assessment.notes():
        yield f"{cell(note)}."
    if missing := assessment.missing():
        yield "## Checks that did not complete"
        yield _table(("account", "region", "policies", "state", "reason"), (
            (row.account_name, row.region, ", ".join(row.policies), row.state, row.reason) for row in missing))
    if things := assessment.riskiest():
        yield "## Fix first"
        yield _table(("severity", "exposure", "policy", "title", "findings", "accounts"), (
            (one.severity, one.exposure, one.policy, one.title, one.open, one.accounts) for one in things))
    yield "## Findings"
    yield from _findings(assessment, Status.OPEN, (*_PLACE, "title", "fix"))
    of = FixCommands(assessment).of
    if commands := list(islice(filter(None, map(of, assessment.findings(Status.OPEN))), COMMANDS_AT_MOST)):
        yield "### Fix one of them"
        yield "Each command shows the planned change of one finding, and asks before it makes it."
        yield code(commands)
    if assessment.count(Status.EXCEPTED):
        yield "## Excepted"
        yield from _findings(
            assessment, Status.EXCEPTED, (*_PLACE, "exception_reason", "exception_owner", "exception_expires"))
    if entries := list(_exceptions(assessment.exceptions)):
        yield "## Exceptions"
        yield _table(
            ("state", "policy", "account", "region", "resource", "owner", "expires", "findings", "where"), entries)
    if assessment.count(Status.FIXED):
        yield "## Fixed since earlier runs"
        yield from _findings(assessment, Status.FIXED, (*_PLACE, "first_seen"))
    if assessment.frameworks:
        yield "## Frameworks"
        verdicts = list(RequirementVerdict)
        yield _table(("framework", "passed of evaluated", "", *(verdict.words for verdict in verdicts), "listed"), (
            (result.catalogue.title, f"{result.passed} of {result.evaluated}", percent(result.passed, result.evaluated),
             *(result.counts[verdict] for verdict in verdicts),
             result.total if result.catalogue.whole else f"{result.total}, not the whole framework")
            for result in assessment.frameworks))
    yield "## Policies"
    yield _table(("severity", "policy", "result", "resources", "checks passed", "completed", "checks"), (
        (row.policy.severity, row.policy.name, row.verdict.replace("-", " "), row.resources.words, row.passed,
         row.seen, row.asked)
        for row in assessment.by_policy))
    if fixes := assessment.extra.get("fixes"):
        columns = ("outcome", "account", "region", "policy", "resource", "reason")
        yield "## Fixes"
        yield _table(columns, ([row.get(name, "") for name in columns] for row in fixes))


def _findings(
    assessment: Assessment, status: Status, heads: Sequence[str]
) -> Iterator[str | Iterable[str]]:
    """A table of the findings with the status, those of one setting in one row; `heads` are heads of `TABLE`."""
    number = assessment.count(status)
    if not number:
        yield "None."
        return
    groups = list(islice(finding_groups(assessment.store, status), FINDINGS_AT_MOST))
    rows = ({**TABLE.cells(group.first), "policy": ", ".join(group.policies)} for group in groups)
    yield _table([head.replace("_", " ") for head in heads], ([row[head] for head in heads] for row in rows))
    if left := number - sum(len(group.policies) for group in groups):
        yield f"The other formats list {left} more, which are less severe."


def _exceptions(state: ExceptionState) -> Iterator[Sequence[object]]:
    """Every entry of the file once, under the state that most needs attention."""
    listed: set[str] = set()
    for name in ("expired", "misnamed", "unused", "unknown", "expiring", "in_force"):
        for entry in getattr(state, name):
            if entry.where not in listed:
                listed.add(entry.where)
                rule = entry.rule
                yield (name.replace("_", " "), rule.policy, rule.account, rule.region, rule.selects, rule.owner,
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
    """The value as the text of a Markdown cell: on one line, with all markup escaped."""
    return escaped(" ".join(str(value).split())).translate(_MARKDOWN)


def code(lines: Sequence[str]) -> str:
    """The lines as a block of code, which nothing in them can end."""
    text = "\n".join(lines)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return f"{fence}sh\n{text}\n{fence}"


def _at(time: str) -> str:
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
