"""CSV: `findings.csv`, a row a finding, and `not-seen.csv`, a row for every check that has no whole answer.

A spreadsheet takes a cell that begins with = + - or @ for a formula, and a bucket's tag may say what it likes. So
every cell is in quotes, quotes are doubled, and where a formula would begin an apostrophe comes first, as OWASP
advises. Spreadsheets skip blanks, invisible characters and quotes before a formula, take full-width signs for the
plain ones, and where the list separator is a semicolon they split a quoted cell after one; so those places count too.
"""
from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO
from unicodedata import normalize

from ...assessment import Assessment
from ...results import Finding
from .stream import dumps
from .text import plain

COLUMNS = (
    "id", "status", "severity", "account", "account_name", "region", "service", "policy", "title", "resource", "arn",
    "first_seen", "last_seen", "controls", "exception_reason", "exception_owner", "exception_expires", "evidence",
    "fix",
)
NOT_SEEN = ("account", "account_name", "region", "policy", "severity", "title", "state", "reason")

_FORMULA = frozenset("=+-@")
_MINUS = "\N{MINUS SIGN}"
_SKIPPED = frozenset("\"'")
# After these a reader with another separator, or none for quotes, begins a new cell.
_SPLITS = frozenset(";\t\n\r")


def write(assessment: Assessment, stream: TextIO) -> None:
    """The findings, the most severe first."""
    _table(stream, COLUMNS, (_row(finding) for finding in assessment.findings()))


def write_not_seen(assessment: Assessment, stream: TextIO) -> None:
    """What did not run to its end; only the head where everything did."""
    _table(stream, NOT_SEEN, (
        (check.account, check.account_name, check.region, check.policy, assessment.policies[check.policy].severity,
         assessment.policies[check.policy].title, check.state, check.reason)
        for check in assessment.checks(missing=True)
    ))


def harmless(value: object) -> str:
    """A value as a cell that no spreadsheet takes for a formula.

    An apostrophe is put before a sign that would begin one; to get a value back, take it away.
    """
    text = plain(value)
    made, begins = [], True
    for index, character in enumerate(text):
        if begins and _begins_formula(character):
            made.append("'")
            begins = False
        elif character in _SPLITS:
            # OWASP counts a tab or a line end at the head of a cell among the signs.
            if index == 0:
                made.append("'")
            begins = True
        elif begins and not (character.isspace() or character in _SKIPPED or not character.isprintable()):
            begins = False
        made.append(character)
    return "".join(made)


def controls(of: Mapping[str, Sequence[str]]) -> str:
    """`cis-aws-5.0: 2.1.1, 2.1.2; pci-dss-4.0: 1.2`."""
    return "; ".join(f"{framework}: {', '.join(ids)}" for framework, ids in of.items())


def _begins_formula(character: str) -> bool:
    return normalize("NFKC", character)[:1] in _FORMULA or character == _MINUS


def _row(finding: Finding) -> Sequence[object]:
    exception = finding.exception
    return (
        finding.id, finding.status.value, finding.severity, finding.account, finding.account_name, finding.region,
        finding.resource_type.partition(".")[2], finding.policy, finding.title, finding.resource, finding.arn,
        finding.first_seen, finding.last_seen, controls(finding.controls), exception.get("reason", ""),
        exception.get("owner", ""), exception.get("expires", ""), dumps(finding.evidence), finding.fix,
    )


def _table(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([harmless(value) for value in row] for row in rows)
