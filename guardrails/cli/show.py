"""Shows a report on the terminal, writes its files, and imports it into Security Hub, for `audit`, `report` and `heal`.
"""
from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

from custom_actions.vocabulary import SEVERITIES

from ..accounts import Account
from ..assessment import Assessment, MissingRow, PolicyRow, finding_groups
from ..errors import GuardrailsError
from ..report import fix_all_command, write, write_json_report
from ..results import Status
from .console import aside, out, severity, table, text
from .options import INCOMPLETE

if TYPE_CHECKING:
    from ..parquet import ParquetPlace

FIX_COLUMNS = ("outcome", "account", "region", "policy", "resource", "reason")
_SHOWN_AT_MOST = 50
_NAMED_AT_MOST = 20
_WORDS = {"nothing-to-judge": "nothing to judge"}


def exit_code(*, complete: bool, severities: Sequence[str], fail_on: str | None) -> int:
    """The exit code of a report.

    Args:
        complete: whether every check completed.
        severities: the severities that have open findings.
        fail_on: the lowest severity that fails the run; None if findings never do.

    Returns 2 if the report is incomplete, 1 if there is an open finding of severity `fail_on` or higher, or of
    an unknown severity, else 0.
    """
    if not complete:
        return INCOMPLETE
    if fail_on is None:
        return 0
    harmless = SEVERITIES[SEVERITIES.index(fail_on) + 1:]
    return int(any(severity not in harmless for severity in severities))


def end_with_report(
    assessment: Assessment, directory: Path, formats: Sequence[str], *, fail_on: str | None,
    owner_tags: Sequence[str] = (), securityhub: Sequence[Account] | None = None, with_passed: bool = False,
    if_incomplete: str = "", parquet: ParquetPlace | None = None, as_json: bool = False,
) -> NoReturn:
    """Write the report files, print the report, import the findings into Security Hub, and exit.

    Args:
        owner_tags: the keys of tags that name an owner; empty for the usual ones.
        securityhub: the accounts whose Security Hub receives findings; None to import nothing.
        with_passed: whether Security Hub receives the resources that passed, too.
        parquet: where to write the run as Parquet files, too; None for nowhere.
        if_incomplete: a last line to print if the report is incomplete.
        as_json: print the report as JSON, and everything else on standard error.

    Raises SystemExit with the code of `exit_code`, or with 2 if Security Hub did not accept everything. Raises
    GuardrailsError if the resources that passed are asked for and the run has not kept their ids.
    """
    if with_passed and not assessment.evidence:
        raise GuardrailsError(
            f"{assessment.store.path}: the ids of the resources that passed were not kept",
            "run the audit again with --evidence, or leave out --securityhub-passed")
    if owner_tags:
        assessment = replace(assessment, owner_tags=owner_tags)
    written = write(formats, assessment, directory)
    tell = aside(as_json=as_json)
    if as_json:
        write_json_report(assessment, sys.stdout)
    else:
        show(assessment, out())
    imported_all = True
    if securityhub is not None:
        from ..report import import_findings

        imported = import_findings(assessment, securityhub, with_passed=with_passed)
        for line in imported.lines():
            tell(text(line).plain)
        imported_all = imported.whole
    tell(files_line(written))
    if parquet is not None:
        from ..parquet import add_run

        add_run(assessment, parquet)
        tell(f"parquet: {parquet}")
    if if_incomplete and not assessment.complete:
        tell(if_incomplete)
    code = exit_code(complete=assessment.complete, severities=list(assessment.open_by_severity), fail_on=fail_on)
    raise SystemExit(code or (0 if imported_all else INCOMPLETE))


def checked_parquet(given: str | None) -> ParquetPlace | None:
    """The place of --parquet; None for nowhere. Raises GuardrailsError, before the work, if it cannot be used."""
    if not given:
        return None
    from ..parquet import check_parquet

    return check_parquet(given)


def files_line(written: Sequence[Path]) -> str:
    """Where the report files are, as one line."""
    return "report: " + ", ".join(str(path) for path in written)


def show(assessment: Assessment, console: Console) -> None:
    """Print the report. The first line says whether it is complete."""
    console.print(text(assessment.first_line(), "green" if assessment.complete else "bold red"))
    console.print(text(assessment.second_line()))
    for note in assessment.notes():
        console.print(text(note, "dim"))
    opened = assessment.count(Status.OPEN)
    if opened:
        console.print()
        groups = list(islice(finding_groups(assessment.store, Status.OPEN), _SHOWN_AT_MOST))
        listed = sum(len(group.policies) for group in groups)
        rows = [
            (severity(finding.severity), finding.account_name, finding.region, ", ".join(group.policies),
             finding.resource, finding.title)
            for group in groups for finding in [group.first]]
        console.print(table("Findings", ("severity", "account", "region", "policy", "resource", "title"), rows))
        if opened > listed:
            console.print(text(f"and {opened - listed} more in the report files"))
        if command := fix_all_command(assessment):
            console.print(text(f"to fix those with an automatic fix, after a question: {command}"), soft_wrap=True)
    console.print()
    shown, others = _telling(assessment.by_policy)
    console.print(table(
        "Policies", ("severity", "policy", "result", "resources", "checks"),
        [
            (severity(row.policy.severity), row.policy.name, _verdict(row.verdict), row.resources.words,
             f"{row.seen} of {row.asked}" if row.seen < row.asked else row.asked)
            for row in shown
        ],
    ))
    if others:
        console.print(text(f"and {', '.join(others)}, in the report files"))
    if fixes := assessment.extra.get("fixes"):
        console.print()
        show_fixes("Fixes", [[fix[name] for name in FIX_COLUMNS] for fix in fixes], console)
    show_missing(assessment.missing(), console)


def _telling(rows: Sequence[PolicyRow]) -> tuple[list[PolicyRow], list[str]]:
    """The policies to show, and how many others there are, by verdict. A short list is shown whole.

    Of a long list, those that had nothing to judge or were skipped are only counted.
    """
    if len(rows) <= _SHOWN_AT_MOST:
        return list(rows), []
    quiet = Counter(row.verdict for row in rows if row.verdict in ("nothing-to-judge", "skipped"))
    return [row for row in rows if row.verdict not in quiet], [
        f"{number} {_WORDS.get(verdict, verdict)}" for verdict, number in sorted(quiet.items())]


def show_fixes(title: str, rows: Iterable[Sequence[str]], console: Console) -> None:
    """Print how fixes ended: rows of FIX_COLUMNS."""
    done = ("reverted", "already-ok", "fixed")
    console.print(table(title, FIX_COLUMNS, [
        (text(outcome, "green" if outcome in done else "red"), *rest) for outcome, *rest in rows]))


def show_missing(missing: Sequence[MissingRow], console: Console) -> None:
    """Print the incomplete checks and the reasons. The report files list all of them."""
    rows = [(row.account_name, row.region, ", ".join(row.policies), row.state, row.reason) for row in missing]
    if not rows:
        return
    console.print()
    console.print(table("Incomplete checks", ("account", "region", "policies", "state", "reason"),
                        rows[:_NAMED_AT_MOST]))
    if len(rows) > _NAMED_AT_MOST:
        console.print(text(f"and {len(rows) - _NAMED_AT_MOST} more lines in the report files"))


def _verdict(verdict: str) -> object:
    style = {"failed": "red", "passed": "green", "unknown": "bold yellow"}.get(verdict, "dim")
    return text(_WORDS.get(verdict, verdict), style)
