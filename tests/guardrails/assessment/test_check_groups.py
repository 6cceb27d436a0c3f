"""What a check looked at, from the run's file to the words of a table."""
from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from custom_actions.resources import ResourceCounts
from guardrails.assessment.check_groups import ResourceTotals
from guardrails.errors import GuardrailsError
from guardrails.results.judged import JudgedResources
from guardrails.results.store import RunStore

from ...reporting import BLUE, assess, checks


@pytest.mark.parametrize(("totals", "words"), [
    (ResourceTotals(120, 120, 3, 2, 115, checks=4), "3 of 120 open, 2 excepted, 115 passed"),
    (ResourceTotals(9, 7, 0, 0, 6, 1, checks=1), "0 of 7 open, 6 passed, 1 unknown, 2 out of scope"),
    (ResourceTotals(5, 0, checks=1), "0 in scope, 5 out of scope"),
    (ResourceTotals(checks=1), "0 in scope"),
    # Not known of all, or of any.
    (ResourceTotals(5, 5, 3, 1, 2, checks=1, counted=False), "3 open, 1 excepted"),
    (ResourceTotals(counted=False), "-"),
    (ResourceTotals(), "-"),
])
def test_totals_in_words(totals: ResourceTotals, words: str) -> None:
    assert totals.words == words


@pytest.mark.parametrize(("counts", "matched", "fixed", "expected"), [
    (ResourceCounts(9, 7, 3, 1), 3, 0, JudgedResources(9, 7, 3)),
    (ResourceCounts(9, 7, 3, 1), 3, 2, JudgedResources(9, 7, 5)),
    (ResourceCounts(9, 7, 3, 1), 3, 99, JudgedResources(9, 7, 6)),
    (ResourceCounts(9, 7, 3, 1), 2, 0, None),
    (None, 0, 0, None),
])
def test_counts_of_another_run_do_not_count(
    counts: ResourceCounts | None, matched: int, fixed: int, expected: JudgedResources | None
) -> None:
    assert JudgedResources.of(counts, matched, fixed=fixed) == expected


def test_a_check_without_a_resource_has_neither_passed_nor_failed(tmp_path: Path) -> None:
    empty = JudgedResources(4, 0, 0)
    rows = [replace(row, judged=empty if (row.account, row.policy) == (BLUE, "public-bucket") else None)
            for row in checks()]
    before, after = assess(tmp_path / "1"), assess(tmp_path / "2", rows=rows)
    assert (before.empty, after.empty) == (0, 1)
    assert after.seen == before.seen
    assert after.score.judged == before.score.judged - 1
    assert after.score.value < before.score.value  # without the points of the check
    rows_of = {row.key: row for row in after.by_account}
    assert rows_of[BLUE].judged == rows_of[BLUE].seen - 1
    assert {row.key: row.passed for row in before.by_account}[BLUE] == rows_of[BLUE].passed + 1
    assert "1 completed check had nothing to judge" in after.second_line()
    with RunStore.open(tmp_path / "2") as store:
        assert [check.judged for check in store.checks() if check.judged] == [empty]


@pytest.mark.parametrize("change", [
    "listed = 1", "listed = 'x', in_scope = 1, passed = 1", "listed = 1, in_scope = 2, passed = 0",
    "listed = 2, in_scope = 1, passed = -1", "listed = 2, in_scope = 1, passed = 2", "unknown = 'x'", "unknown = '{}'",
])
def test_a_run_with_other_numbers_is_refused(change: str, tmp_path: Path) -> None:
    assess(tmp_path).store.close()
    with closing(sqlite3.connect(tmp_path / "run.db")) as db, db:
        db.execute(f"update checks set {change}")  # noqa: S608
    with pytest.raises(GuardrailsError, match=r"checks has a row of policy .* with invalid numbers of resources"):
        RunStore.open(tmp_path)
