"""Puts an assessment where it was asked for: the terminal, files, Security Hub."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from custom_actions.vocabulary import SEVERITIES

from ..accounts import Account
from ..assessment import Assessment, MissingRow
from ..report import write
from ..results import Status
from .console import out, severity, table, text
from .options import INCOMPLETE

_SHOWN_AT_MOST = 50
_NAMED_AT_MOST = 20


def exit_code(*, complete: bool, severities: Sequence[str], fail_on: str | None) -> int:
    """2 when something was not seen, 1 when there is an open finding of `fail_on` or worse, else 0."""
    if not complete:
        return INCOMPLETE
    limit = SEVERITIES.index(fail_on) if fail_on else -1
    return int(any(SEVERITIES.index(severity) <= limit for severity in severities if severity in SEVERITIES))


def publish(
    assessment: Assessment, directory: Path, formats: Sequence[str], *, fail_on: str | None,
    securityhub: Sequence[Account] | None = None,
) -> int:
    """Write the formats, show the report, and import into Security Hub where `securityhub` names accounts.

    Returns the exit code: `exit_code`'s, or 2 when not all of it got where it was to go.
    """
    written = write(formats, assessment, directory)
    console = out()
    show(assessment, console)
    whole = True
    if securityhub is not None:
        from ..report import import_findings

        imported = import_findings(assessment, securityhub)
        for line in imported.lines():
            console.print(text(line))
        whole = imported.whole
    click.echo("report: " + ", ".join(str(path) for path in written))
    code = exit_code(complete=assessment.complete, severities=list(assessment.open_by_severity), fail_on=fail_on)
    return code or (0 if whole else INCOMPLETE)


def show(assessment: Assessment, console: Console) -> None:
    """Print the report; its first line says whether it is complete."""
    console.print(text(assessment.first_line(), "green" if assessment.complete else "bold red"))
    console.print(text(assessment.second_line()))
    for note in assessment.notes():
        console.print(text(note, "dim"))
    opened = assessment.count(Status.OPEN)
    if opened:
        console.print()
        rows = []
        for finding in assessment.findings(Status.OPEN):
            rows.append((
                severity(finding.severity), finding.account_name, finding.region, finding.policy, finding.resource,
                finding.title))
            if len(rows) == _SHOWN_AT_MOST:
                break
        console.print(table("Findings", ("severity", "account", "region", "policy", "resource", "title"), rows))
        if opened > len(rows):
            console.print(text(f"and {opened - len(rows)} more, in the report"))
    console.print()
    console.print(table(
        "Policies", ("severity", "policy", "result", "findings", "passed", "seen", "asked"),
        [
            (severity(row.policy.severity), row.policy.name, _verdict(row.verdict), row.open, row.passed, row.seen,
             row.asked)
            for row in assessment.by_policy
        ],
    ))
    show_missing(assessment.missing(), console)


def show_missing(missing: Sequence[MissingRow], console: Console) -> None:
    """Print what did not run, and why; every one of it is also in the report files."""
    rows = [(row.account_name, row.region, ", ".join(row.policies), row.state, row.reason) for row in missing]
    if not rows:
        return
    console.print()
    console.print(table("Did not run to the end", ("account", "region", "policies", "state", "reason"),
                        rows[:_NAMED_AT_MOST]))
    if len(rows) > _NAMED_AT_MOST:
        console.print(text(f"and {len(rows) - _NAMED_AT_MOST} more lines, in the report"))


def _verdict(verdict: str) -> object:
    return text(verdict, {"failed": "red", "passed": "green", "unknown": "bold yellow"}.get(verdict, "dim"))
