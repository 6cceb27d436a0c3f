"""The mail after an audit, as plain text: what changed, what was not seen, and what the doctor found.

Its first sentences are those of report.md. It is for an SNS topic with e-mail subscribers, who get the text as it is.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from custom_actions.escaping import escaped

from ..assessment import Assessment, counted
from ..results import Finding, Status

LISTED_AT_MOST = 50
"""Lines in each list; the report has all of them."""
_LINE_AT_MOST = 400
# SNS accepts 256 KB, of at most 4 bytes a character, and subjects of at most 100 characters of ASCII.
_TEXT_AT_MOST, _SUBJECT_AT_MOST = 60_000, 100
_VERDICTS = ("HEALTHY", "BROKEN", "INCOMPLETE")
_FIELDS = ("state", "account_name", "region", "policy", "check", "reason", "remedy")


@dataclass(frozen=True)
class DoctorResult:
    """What `doctor --json` printed."""

    verdict: str
    """HEALTHY, BROKEN or INCOMPLETE; UNKNOWN if it printed anything else."""
    checks: tuple[str, ...] = ()
    """A line for each check that is not ok."""

    @property
    def known(self) -> bool:
        """Whether the doctor gave a result."""
        return self.verdict in _VERDICTS

    @classmethod
    def parse(cls, content: bytes) -> DoctorResult:
        """The result in the output of `doctor --json`. Never raises: a doctor that failed is a result, UNKNOWN."""
        try:
            found = json.loads(content)
            verdict, checks = found["verdict"], [[str(each[name]) for name in _FIELDS] for each in found["checks"]]
            if verdict not in _VERDICTS:
                raise ValueError(f"verdict {verdict}")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            problem = "no output" if not content.strip() else f"{type(error).__name__}: {error}"
            return cls("UNKNOWN", (f"the doctor gave no result: {problem}",))
        return cls(verdict, tuple("  ".join(filter(None, each)) for each in checks if each[0] != "ok"))


@dataclass(frozen=True)
class ChangeMail:
    """A message for an SNS topic."""

    subject: str
    text: str


def mail_about(assessment: Assessment, *, report: str = "", doctor: DoctorResult | None = None) -> ChangeMail:
    """The mail about a finished run.

    Args:
        report: where the report is.
        doctor: what the doctor found; None if it did not run.
    """
    lines = "\n".join(_lines(assessment, report, doctor))
    if len(lines) > _TEXT_AT_MOST:
        lines = f"{lines[:_TEXT_AT_MOST]}\n…\nThe rest is in the report."
    return ChangeMail(_subject(assessment, doctor), f"{lines}\n")


def _subject(assessment: Assessment, doctor: DoctorResult | None) -> str:
    """The most important numbers, so that a filter of the mailbox can use them."""
    parts = [] if assessment.complete else ["INCOMPLETE"]
    if changes := assessment.changes:
        parts.append(f"{changes.new} new, {changes.reopened} reopened, {changes.fixed} fixed")
    else:
        parts.append("not compared")
    parts.append(f"{assessment.count(Status.OPEN)} open")
    if assessment.score.judged:
        parts.append(f"score {assessment.score.shown}")
    if doctor and doctor.verdict != "HEALTHY":
        parts.append(f"doctor {doctor.verdict}")
    return f"aws-guardrails: {', '.join(parts)}"[:_SUBJECT_AT_MOST]


def _lines(assessment: Assessment, report: str, doctor: DoctorResult | None) -> Iterator[str]:
    yield _line(f"{assessment.verb.capitalize()} of {assessment.started}")
    yield _line(assessment.first_line())
    yield _line(f"{assessment.second_line()}.")
    yield from (_line(f"{note}.") for note in assessment.notes())
    if report:
        yield _line(f"Report: {report}")
    opened = assessment.findings(Status.OPEN)
    new = (each for each in opened if assessment.changes and each.first_seen == assessment.started)
    yield from _list("New findings", map(_finding, new))
    again = (each for each in assessment.findings(Status.OPEN) if each.id in assessment.reopened)
    yield from _list("Reopened findings", map(_finding, again))
    yield from _list("Fixed findings", map(_finding, assessment.findings(Status.FIXED)))
    yield from _list("Checks that did not complete", (
        "  ".join((row.account_name, row.region, ", ".join(row.policies), row.state, row.reason))
        for row in assessment.missing()))
    if doctor:
        yield ""
        yield f"Doctor: {doctor.verdict}"
        yield from _shown(doctor.checks)


def _list(title: str, rows: Iterable[str]) -> Iterator[str]:
    """A title and the first rows; nothing if there are none."""
    shown = list(_shown(rows))
    if shown:
        yield ""
        yield title
        yield from shown


def _shown(rows: Iterable[str]) -> Iterator[str]:
    remaining = iter(rows)
    yield from (_line(f"- {row}") for row in islice(remaining, LISTED_AT_MOST))
    if more := sum(1 for _ in remaining):
        yield f"and {counted(more, 'more line')}, in the report"


def _finding(finding: Finding) -> str:
    return "  ".join((finding.severity, finding.account_name, finding.region, finding.policy, finding.resource))


def _line(value: str) -> str:
    """One line without control characters: names come from AWS, and must not look like other lines."""
    text = escaped(value)
    return text if len(text) <= _LINE_AT_MOST else f"{text[:_LINE_AT_MOST]}…"
