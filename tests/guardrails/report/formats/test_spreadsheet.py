"""CSV: whole, and nothing in it is a formula."""
from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guardrails.assessment.assessment import Assessment
from guardrails.assessment.missing import missing_rows
from guardrails.report.formats.spreadsheet import LINKS, NOT_SEEN, harmless, not_seen_pieces, pieces
from guardrails.results.finding import TABLE, Status
from guardrails.results.store import UnknownResource
from tests.reporting import BLUE, LOCKED, assess, checks, text_of


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_a_finding_the_most_severe_first(assessment: Assessment) -> None:
    text = text_of(pieces, assessment)
    found = rows(text)
    assert tuple(found[0]) == (*TABLE.heads, *LINKS)
    assert [row["id"] for row in found] == [one.id for one in assessment.findings()]
    by = {row["resource"]: row for row in found}
    assert {row["status"] for row in found} == {status.value for status in Status}
    assert (by["data"]["severity"], by["data"]["service"], by["data"]["arn"]) == ("critical", "s3", "arn:aws:s3:::data")
    assert by["data"]["controls"] == "cis-aws-5.0: 2.1.4; pci-dss-4.0: 1.3.1, 1.4.4"
    assert by["data"]["evidence"] == '{"Public": true}'
    assert (by["web-1"]["exception_reason"], by["web-1"]["exception_expires"]) == ("a public web site", "2026-12-31")
    assert by["web-1"]["exception_owner"] == "web@example.org"


def test_what_was_not_seen_has_a_file_of_its_own(assessment: Assessment) -> None:
    text = text_of(not_seen_pieces, assessment)
    found = rows(text)
    assert tuple(found[0]) == NOT_SEEN
    missing = {(check.account, check.region, check.policy) for check in assessment.checks(missing=True)}
    assert {(row["account"], row["region"], row["policy"]) for row in found} == missing
    assert {row["account"] for row in found} == {BLUE, LOCKED}
    assert all(row["state"] == "denied" and row["reason"] for row in found)


def test_each_unknown_resource_has_a_row_of_its_own(tmp_path: Path) -> None:
    unknown = tuple(UnknownResource(name, f"{name} denies it") for name in ("b-1", "b-2"))
    [one, *others] = [row for row in checks() if row.policy == "public-bucket"]
    partial = replace(one, state="partial", reason="resources unknown: b-1, b-2", unknown=unknown)
    assessment = assess(tmp_path, rows=[partial, *others])
    text = text_of(not_seen_pieces, assessment)
    assert [(row["resource"], row["reason"]) for row in rows(text) if row["state"] == "partial"] == [
        ("b-1", "b-1 denies it"), ("b-2", "b-2 denies it")]
    # The other formats group policies that miss the same resource.
    both = missing_rows([partial, replace(partial, policy="other", unknown=unknown[:1])])
    assert [(row.resource, row.reason, row.policies) for row in both] == [
        ("b-1", "b-1 is unknown: b-1 denies it", ("public-bucket", "other")),
        ("b-2", "b-2 is unknown: b-2 denies it", ("public-bucket",))]


@pytest.mark.parametrize(("value", "cell"), [
    ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t'=1"), ("\tx", "'\tx"),
    (" =1", " '=1"), ('"=1', "\"'=1"), ("\uff1d1", "'\uff1d1"), ("\u200b=1", "\u200b'=1"), ("\u22121", "'\u22121"),
    ("a;=1", "a;'=1"), ("a\n=1", "a\n'=1"), ("\x00=1", "\\x00=1"),
    ("a=1", "a=1"), ("10.0.0.0/8", "10.0.0.0/8"), ("arn:aws:s3:::-", "arn:aws:s3:::-"), ("", ""), (12, "12"),
])
def test_where_a_formula_would_begin_an_apostrophe_comes_first(value: object, cell: str) -> None:
    assert harmless(value) == cell


def is_formula(cell: str) -> bool:
    """As wary as a spreadsheet could be, and written apart from what it tests."""
    seen = "".join(c for c in cell if c.isprintable() and not c.isspace()).lstrip('"')
    return normalize("NFKC", seen[:1]) in ("=", "+", "-", "@", "\u2212")


_TOKENS = ("=", "+", "-", "@", "\t", "\n", "\r", ";", ",", '"', "'", " ", "\u200b", "\uff1d", "\ufe63", "\u2212", "a")
_NASTY = st.lists(st.one_of(st.sampled_from(_TOKENS), st.characters()), max_size=6).map("".join)


@given(st.lists(_NASTY, min_size=1, max_size=4))
@example(["a;=1", "\n=1"])
@example(["'=1"])
@example(['"=1', "\u00a0\"\ufeff@"])
def test_no_cell_is_a_formula_whatever_separates_the_cells(values: list[str]) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerow([harmless(value) for value in values])
    for delimiter in ",;\t":
        for row in csv.reader(io.StringIO(stream.getvalue(), newline=""), delimiter=delimiter):
            assert not any(is_formula(cell) for cell in row), row
    [row] = csv.reader(io.StringIO(stream.getvalue(), newline=""))
    assert len(row) == len(values)
    assert not any(cell.startswith(("\t", "\r", "\n")) for cell in row)


@given(_NASTY.filter(str.isprintable))
def test_only_apostrophes_are_added(value: str) -> None:
    assert harmless(value).replace("'", "") == value.replace("'", "")
