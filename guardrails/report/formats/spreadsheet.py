"""CSV: `findings.csv`, with a row for each finding, and `not-seen.csv`, with one for each check that did not complete.

A run with evidence has `passed.csv` too, with a row for each resource that passed.

A spreadsheet reads a cell that begins with = + - or @ as a formula, and anybody can put one into a bucket's tag. So
every cell is quoted, quotes are doubled, and an apostrophe is put before anything that would begin a formula, as OWASP
recommends. Spreadsheets skip blanks, invisible characters and quotes before a formula, read full-width signs as the
plain ones, and split a quoted cell at a semicolon where that is the list separator; those places are covered too.
"""
from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from unicodedata import normalize

from ...assessment import Assessment
from ...results import TABLE
from .rows import ReportRow
from .stream import dumps
from .text import plain

LINKS = ("owner", "fix_command", "console")
"""More heads of `findings.csv`, after those of a finding."""
NOT_SEEN = ("account", "account_name", "region", "policy", "severity", "title", "state", "reason", "resource")
PASSED = ("id", "account", "account_name", "region", "service", "policy", "severity", "title", "resource", "arn")

_FORMULA = frozenset("=+-@")
_MINUS = "\N{MINUS SIGN}"
_SKIPPED = frozenset("\"'")
# After these a program with another separator, or one that ignores quotes, begins a new cell.
_SPLITS = frozenset(";\t\n\r")
# ASCII text without a match needs no change; to look for one is faster than to look at each sign.
_DOUBTFUL = re.compile("[\0-\x08\x0b-\x1f\x7f]|\\A[;\t\n]|(?:\\A|[;\t\n])[ \"']*[=+@-]")
# The same for the cells of a row, with a NUL between them.
_DOUBTFUL_ROW = re.compile(
    "[\x01-\x08\x0b-\x1f\x7f]|(?:\\A|\0)[;\t\n]|(?:\\A|[\0;\t\n])[ \"']*[=+@-]")


def pieces(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    """The findings, the most severe first."""
    return _table((*TABLE.heads, *LINKS), (
        (*{**TABLE.cells(row.finding), "evidence": row.evidence}.values(), row.owner, row.fix_command, row.console)
        for row in rows))


def not_seen_pieces(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    """The checks that did not complete; only the head when all completed.

    A check with unknown resources has a row for each of them.
    """
    return _table(NOT_SEEN, (
        (check.account, check.account_name, check.region, check.policy,
         assessment.severity_of(check.account, check.policy), assessment.policies[check.policy].title, check.state,
         reason, resource)
        for check in assessment.checks(missing=True)
        for resource, reason in check.unknown or (("", check.reason),)
    ))


def passed_pieces(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    """The resources that passed, by policy, account and region."""
    return _table(PASSED, (
        (one.id, check.account, check.account_name, check.region, policy.service, policy.name,
         assessment.severity_of(check.account, policy.name), policy.title, one.resource, one.arn)
        for check in assessment.passed()
        for policy in (assessment.policies[check.policy],)
        for one in check.resources
    ))


def harmless(value: object) -> str:
    """The value as text that no spreadsheet reads as a formula; a mapping (evidence) becomes JSON.

    An apostrophe is put before a sign that would begin a formula. Remove it to get the value back.
    """
    text = value if isinstance(value, str) else dumps(value) if isinstance(value, Mapping) else str(value)
    if text.isascii() and not _DOUBTFUL.search(text):
        return text
    text = plain(text)
    cell, begins = [], True
    for index, character in enumerate(text):
        if begins and _begins_formula(character):
            cell.append("'")
            begins = False
        elif character in _SPLITS:
            # OWASP lists a tab or a line end at the start of a cell among the dangerous characters.
            if index == 0:
                cell.append("'")
            begins = True
        elif begins and not (character.isspace() or character in _SKIPPED or not character.isprintable()):
            begins = False
        cell.append(character)
    return "".join(cell)


def _begins_formula(character: str) -> bool:
    return normalize("NFKC", character)[:1] in _FORMULA or character == _MINUS


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    line = _Line()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    yield line.text
    for row in rows:
        cells = [value if isinstance(value, str) else harmless(value) for value in row]
        text = "\0".join(cells)
        if not text.isascii() or _DOUBTFUL_ROW.search(text) or text.count("\0") >= len(cells):
            cells = list(map(harmless, row))
        writer.writerow(cells)
        yield line.text


class _Line:
    """What Python's csv writes to: it keeps the last line."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text
