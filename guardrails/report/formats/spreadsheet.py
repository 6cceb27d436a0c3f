"""CSV: `findings.csv`, with a row for each finding, and `not-seen.csv`, with one for each check that did not complete.

A run with evidence has `passed.csv` too, with a row for each resource that passed.

A spreadsheet reads a cell that begins with = + - or @ as a formula, and anybody can put one into a bucket's tag. So
every cell is quoted, quotes are doubled, and an apostrophe is put before anything that would begin a formula, as OWASP
recommends. Spreadsheets skip blanks, invisible characters and quotes before a formula, read full-width signs as the
plain ones, and split a quoted cell at a semicolon where that is the list separator; those places are covered too.
"""
from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO
from unicodedata import normalize

from ...assessment import Assessment, owner_of
from ...results import TABLE
from ..console import console_url
from ..fix_command import fix_command
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


def write(assessment: Assessment, stream: TextIO) -> None:
    """The findings, the most severe first."""
    _table(stream, (*TABLE.heads, *LINKS), (
        (*TABLE.cells(finding).values(), owner_of(finding.tags, assessment.owner_tags),
         fix_command(assessment, finding), console_url(finding))
        for finding in assessment.findings()))


def write_not_seen(assessment: Assessment, stream: TextIO) -> None:
    """The checks that did not complete; only the head when all completed.

    A check with unknown resources has a row for each of them.
    """
    _table(stream, NOT_SEEN, (
        (check.account, check.account_name, check.region, check.policy,
         assessment.severity_of(check.account, check.policy), assessment.policies[check.policy].title, check.state,
         reason, resource)
        for check in assessment.checks(missing=True)
        for resource, reason in check.unknown or (("", check.reason),)
    ))


def write_passed(assessment: Assessment, stream: TextIO) -> None:
    """The resources that passed, by policy, account and region."""
    _table(stream, PASSED, (
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
    text = plain(dumps(value) if isinstance(value, Mapping) else value)
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


def _table(stream: TextIO, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([harmless(value) for value in row] for row in rows)
