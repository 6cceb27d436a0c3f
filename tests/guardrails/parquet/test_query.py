"""A query sees the tables and nothing else, and changes nothing."""
from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from guardrails.assessment.assessment import Assessment
from guardrails.errors import GuardrailsError
from guardrails.parquet import TABLES, add_run, ask, named_queries, parquet_place
from guardrails.paths import ROOT
from tests.reporting import BLUE, EXCEPTION, RED, finding

from .conftest import LATER


def test_the_day_selects_the_runs(lake: Path) -> None:
    runs = "select run, run_date from runs order by run"
    assert ask(runs, parquet_place(lake)).rows == [("first", date(2026, 2, 1)), ("second", date(2026, 2, 3))]
    answer = ask(runs, parquet_place(lake), date(2026, 2, 2))
    assert (answer.rows, answer.runs) == ([("second", date(2026, 2, 3))], 1)
    with pytest.raises(GuardrailsError, match="no runs since 2026-03-01"):
        ask(runs, parquet_place(lake), date(2026, 3, 1))


@pytest.mark.parametrize(("sql", "problem"), [
    ("select * from read_text('/etc/passwd')", "Permission Error"),
    ("select * from read_csv('{lake}/secret.csv')", "Permission Error"),
    ("select * from read_parquet('{lake}/*/*/*/*')", "Permission Error"),
    ("select * from read_parquet('s3://central/x.parquet')", "Permission Error"),
    ("select * from 'https://example.org/x.csv'", "the query failed"),
    ("select getenv('HOME')", "the query failed"),
    ("copy findings to '{lake}/out.csv'", "only one SELECT"),
    ("copy (select 1) to '{lake}/runs/run_date=2026-02-01/run=first/part-0.parquet'", "only one SELECT"),
    ("attach '{lake}/a.db'", "only one SELECT"), ("install httpfs", "only one SELECT"),
    ("set enable_external_access = true", "only one SELECT"), ("create table a (b int)", "only one SELECT"),
    ("drop view runs", "only one SELECT"), ("select 1; select 2", "only one SELECT"), ("", "only one SELECT"),
    ("select nothing from runs", 'Referenced column "nothing" not found'), ("selec 1", "syntax error"),
])
def test_what_a_query_must_not_do(lake: Path, sql: str, problem: str) -> None:
    (lake / "secret.csv").write_text("a\n1\n")
    before = {path: path.stat().st_mtime_ns for path in lake.rglob("*")}
    with pytest.raises(GuardrailsError, match=problem):
        ask(sql.format(lake=lake), parquet_place(lake))
    assert {path: path.stat().st_mtime_ns for path in lake.rglob("*")} == before


def test_a_run_that_is_not_whole_is_not_asked(lake: Path) -> None:
    (lake / "runs/run_date=2026-02-03/run=second/part-0.parquet").unlink()
    assert ask("select distinct run from findings", parquet_place(lake)).rows == [("first",)]


def test_a_damaged_file_is_an_error(lake: Path) -> None:
    (lake / "findings/run_date=2026-02-03/run=second/part-0.parquet").write_bytes(b"nothing")
    with pytest.raises(GuardrailsError, match="the query failed"):
        ask("select count(*) from findings", parquet_place(lake))


def test_an_older_file_lacks_a_column(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from guardrails.parquet import query
    from guardrails.parquet.tables import INTEGER, TABLES, ParquetColumn

    wider = replace(TABLES["runs"], columns=(*TABLES["runs"].columns, ParquetColumn("later", INTEGER, "New")))
    monkeypatch.setattr(query, "TABLES", {**TABLES, "runs": wider})
    assert ask("select distinct later from runs", parquet_place(lake)).rows == [(None,)]


def test_a_place_without_anything_is_said(tmp_path: Path) -> None:
    with pytest.raises(GuardrailsError, match="no such directory"):
        ask("select 1", parquet_place(tmp_path / "none"))
    with pytest.raises(GuardrailsError, match="no runs"):
        ask("select 1", parquet_place(tmp_path))


# What docs/query.md says.


def test_the_documentation_has_each_column_and_each_ready_query() -> None:
    text = (ROOT / "docs" / "query.md").read_text()
    for name, table in TABLES.items():
        part = text.partition(f"\n### {name}\n")[2].partition("\n#")[0]
        assert re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", part, re.MULTILINE)[1:] == [
            (column.name, column.type, column.meaning) for column in table.columns]
    assert all(f"| `{name}` |" in text for name in named_queries())


# The ready queries.


def named(name: str, lake: Path) -> list[dict[str, object]]:
    answer = ask(named_queries()[name].sql, parquet_place(lake))
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def test_each_has_a_meaning() -> None:
    assert set(named_queries()) == {"open-by-age", "drift-by-account", "exceptions-that-end"}
    assert all(one.meaning.endswith(".") for one in named_queries().values())


def test_open_by_age(tmp_path: Path, made: Callable[..., Assessment]) -> None:
    ages = {"a": "2026-02-03", "b": "2026-01-20", "c": "2025-12-01", "d": "2025-01-01", "e": ""}
    found = [finding("public-bucket", name, region="global", arn=f"arn:aws:s3:::{name}",
                     first_seen=f"{day}T00:00:00+00:00" if day else "") for name, day in ages.items()]
    for one in (made("old"), made("new", found, started=LATER)):
        with one.store:
            add_run(one, parquet_place(tmp_path / "lake"))
    assert named("open-by-age", tmp_path / "lake") == [{
        "severity": "critical", "open_findings": 5, "up_to_7_days": 1, "up_to_30_days": 1, "up_to_90_days": 1,
        "longer": 1, "age_not_known": 1, "oldest_in_days": 398}]


def test_drift_by_account(lake: Path) -> None:
    rows = {(str(row["started"])[:10], row["account"]): row for row in named("drift-by-account", lake)}
    assert rows["2026-02-01", RED]["new_since_run_before"] is None
    assert rows["2026-02-03", RED]["new_since_run_before"] == 1
    assert rows["2026-02-03", BLUE]["new_since_run_before"] == 0
    # What has no result is shown beside it, and an account that was not reached has a row.
    assert rows["2026-02-03", BLUE]["checks_without_result"] == 1
    assert rows["2026-02-03", "333333333333"]["checks_without_result"] == 4
    assert rows["2026-02-03", "333333333333"]["open_findings"] == 0


def test_exceptions_that_end(lake: Path) -> None:
    [row] = named("exceptions-that-end", lake)
    assert (str(row["expires"]), row["days_left"], row["owner"], row["reason"], row["findings"]) == (
        EXCEPTION["expires"], 331, EXCEPTION["owner"], EXCEPTION["reason"], 1)
