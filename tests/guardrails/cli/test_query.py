"""`query`, and --parquet of the verbs that write."""
from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from guardrails.parquet import named_queries
from guardrails.parquet.tables import TABLES

from ..conftest import HOME, POLICIES, Cloud, guardrails


@pytest.fixture
def audit(cloud: Cloud, tmp_path: Path) -> Path:
    cloud.open_group(HOME, "us-east-1")
    ended = guardrails("audit", "--policies", POLICIES, "--policy", "open-ssh", "-o", tmp_path / "run",
                       "--parquet", tmp_path / "lake")
    assert ended.exit_code == 0, ended.output
    assert f"parquet: {tmp_path / 'lake'}\n" in ended.stdout
    return tmp_path / "run"


def test_an_audit_is_asked_in_each_form(audit: Path, tmp_path: Path) -> None:
    sql = ("query", "select policy, open_findings, state from checks", "--parquet", tmp_path / "lake")
    assert guardrails(*sql).stdout == "policy,open_findings,state\nopen-ssh,1,ran\n"
    for form in (("--format", "json"), ("--json",)):
        assert json.loads(guardrails(*sql, *form).stdout) == [
            {"policy": "open-ssh", "open_findings": 1, "state": "ran"}]
    shown = guardrails(*sql, "--format", "table")
    assert "open-ssh" in shown.stdout and "1 rows; 1 runs since " in shown.stderr


def test_report_and_publish_write_the_same_rows(audit: Path, cloud: Cloud, tmp_path: Path) -> None:
    cloud.client("s3").create_bucket(Bucket="central")
    assert guardrails("report", audit, "-o", tmp_path / "again", "--parquet", tmp_path / "lake").exit_code == 0
    ended = guardrails("publish", audit, "--parquet", "s3://central/parquet", "--json")
    assert ended.exit_code == 0 and len(json.loads(ended.stdout)["parquet"]) == len(TABLES)
    both = [guardrails("query", "select run, count(*) from findings group by 1", "--parquet", place).stdout
            for place in (tmp_path / "lake", "s3://central/parquet")]
    assert both[0] == both[1] and both[0].endswith(",1\n")


def test_the_place_may_be_in_the_settings(audit: Path, tmp_path: Path) -> None:
    (tmp_path / "guardrails.yml").write_text("parquet: lake\n")
    assert guardrails("query", "select count(*) from runs").stdout.endswith("\n1\n")


def test_a_cell_of_csv_is_no_formula(audit: Path, tmp_path: Path) -> None:
    ended = guardrails("query", "select '=1+1' as a, -1 as b, null as c", "--parquet", tmp_path / "lake")
    assert list(csv.reader(io.StringIO(ended.stdout))) == [["a", "b", "c"], ["'=1+1", "-1", ""]]


@pytest.mark.parametrize(("arguments", "code", "problem"), [
    ((), 2, "give a query in SQL, or --named"), (("select 1", "--named", "open-by-age"), 2, "give a query in SQL"),
    (("--named", "open-by-ag"), 2, "open-by-age"), (("select 1",), 2, "name the Parquet files with --parquet"),
    (("select 1", "--parquet", "none"), 1, "none: no such directory"),
    (("select 1", "--since", "yesterday"), 2, "is not a day"),
])
def test_what_is_refused(arguments: tuple[str, ...], code: int, problem: str) -> None:
    ended = guardrails("query", *arguments)
    assert (ended.exit_code, problem in ended.stderr) == (code, True), ended.output
    assert not ended.stdout


def test_the_list_has_each_ready_query() -> None:
    assert [line.split()[0] for line in guardrails("query", "--list").stdout.splitlines()[2:]] == list(named_queries())
    assert [each["name"] for each in json.loads(guardrails("query", "--list", "--format", "json").stdout)] == list(
        named_queries())


def test_an_audit_does_not_begin_with_a_place_that_is_none(tmp_path: Path) -> None:
    ended = guardrails("audit", "--policies", POLICIES, "-o", tmp_path / "run", "--parquet", "s3://b/x?kms-key=1")
    assert (ended.exit_code, "not a place for Parquet files" in ended.stderr) == (1, True)
    assert not (tmp_path / "run").exists()
