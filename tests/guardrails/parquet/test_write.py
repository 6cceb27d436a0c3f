"""A run becomes Parquet files: every check and finding, also what is unknown, in partitions by day."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from guardrails.assessment.assessment import Assessment
from guardrails.errors import GuardrailsError
from guardrails.parquet import add_run, ask, parquet_place
from guardrails.parquet.tables import DUCKDB_TYPES, TABLES
from guardrails.results.finding import Status
from tests.moto_server import Moto
from tests.reporting import FINDINGS, STARTED, checks, finding

HOSTILE = ("a\0b", "'; drop table findings; --", "half \ud800", "\u2028", '{"a": 1}', "null", "x" * 100_000, "=1+1")


def files(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


def test_each_run_has_its_place_by_the_day_in_utc(lake: Path) -> None:
    assert files(lake) == {
        f"{table}/run_date={day}/run={run}/part-0.parquet"
        for table in TABLES for day, run in (("2026-02-01", "first"), ("2026-02-03", "second"))}


def test_the_rows_are_those_of_the_run(lake: Path) -> None:
    answer = ask("select id, status, severity, account, region, policy, resource, exception_reason from findings "
                 "where run = 'first' order by id", parquet_place(lake))
    assert list(answer.rows) == sorted(
        (one.id, one.status.value, one.severity, one.account, one.region, one.policy, one.resource,
         one.exception.get("reason")) for one in FINDINGS)
    [row] = ask("select started, complete, checks_asked, checks_completed, open_findings, excepted_findings, "
                "fixed_findings, accounts, accounts_not_reached, policies_not_audited from runs "
                "where run = 'first'", parquet_place(lake)).rows
    statuses = [one.status for one in FINDINGS]
    asked = [check for check in checks() if check.state != "skipped"]
    assert (row[0].isoformat(), *row[1:]) == (
        STARTED[:19], False, len(asked), sum(check.seen for check in asked), *map(statuses.count, (
            Status.OPEN, Status.EXCEPTED, Status.FIXED)), 3, 1, 1)


def test_what_did_not_run_is_a_row_with_its_state_and_reason(lake: Path) -> None:
    answer = ask("select account, region, policy, state, reason from checks where run = 'first'", parquet_place(lake))
    assert sorted(answer.rows, key=str) == sorted(
        ((row.account, row.region, row.policy, row.state, row.reason or None) for row in checks()), key=str)
    assert {row[3] for row in answer.rows} == {"ran", "denied", "skipped"}


def test_the_columns_have_the_types_of_the_glue_tables(lake: Path) -> None:
    for name, table in TABLES.items():
        described = ask(f"describe {name}", parquet_place(lake)).rows
        assert {row[0]: row[1] for row in described} == {"run_date": "DATE", **{
            column.name: DUCKDB_TYPES[column.type] for column in table.columns}}


def test_hostile_names_are_only_text(tmp_path: Path, made: Callable[..., Assessment]) -> None:
    found = [finding("public-bucket", name, region="global", arn=f"arn:aws:s3:::{number}", tags={name: name},
                     evidence={name: [name]}) for number, name in enumerate(HOSTILE)]
    one = made("hostile", found)
    with one.store:
        add_run(one, parquet_place(tmp_path / "lake"))
    rows = ask("select resource, tags from findings order by arn", parquet_place(tmp_path / "lake")).rows
    shown = [name.replace("\0", "\\x00").replace("\ud800", "\\ud800") for name in HOSTILE]
    assert [resource for resource, _ in rows] == shown
    assert [list(json.loads(tags).values()) for _, tags in rows][1:2] == [[HOSTILE[1]]]


def test_a_run_without_findings_and_one_written_again(tmp_path: Path, made: Callable[..., Assessment]) -> None:
    place = parquet_place(tmp_path / "lake")
    for findings in ((), FINDINGS, ()):
        one = made("again", findings) if not (tmp_path / "again").exists() else _with(made, tmp_path, findings)
        with one.store:
            add_run(one, place)
    assert ask("select count(*) from findings", place).rows == [(0,)]
    assert ask("select count(*) from runs", place).rows == [(1,)]


def _with(made: Callable[..., Assessment], directory: Path, findings: Any) -> Assessment:
    (directory / "again" / "run.db").unlink()
    return made("again", findings)


def test_a_bucket_takes_the_same_files_and_runs_come_last(
    moto: Moto, tmp_path: Path, made: Callable[..., Assessment], monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="central")
    place = parquet_place("s3://central/team/parquet")
    one = made("first")
    with one.store:
        keys = add_run(one, place)
        assert keys[-1].startswith("runs/") and len(keys) == len(TABLES)
        assert {each["Key"] for each in s3.list_objects_v2(Bucket="central")["Contents"]} == {
            f"team/parquet/{key}" for key in keys}
        with pytest.raises(GuardrailsError, match=r"s3://nowhere/.*NoSuchBucket"):
            add_run(one, parquet_place("s3://nowhere/x"))
    s3.put_object(Bucket="central", Key="team/parquet/findings/run_date=2026-02-01/run=../part-0.parquet", Body=b"x")
    s3.put_object(Bucket="central", Key="team/parquet/runs/notes.txt", Body=b"x")
    answer = ask("select count(*) from findings", place)
    assert (answer.rows, answer.runs) == ([(len(FINDINGS),)], 1)


@pytest.mark.parametrize("run", ["../up", "a/b", "", "a b", "x" * 65])
def test_a_run_that_cannot_be_a_path_is_refused(run: str, tmp_path: Path, made: Callable[..., Assessment]) -> None:
    from dataclasses import replace

    one = replace(made("good"), run=run)
    with one.store, pytest.raises(GuardrailsError, match="not the id of a run"):
        add_run(one, parquet_place(tmp_path / "lake"))
    assert not (tmp_path / "lake").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, made: Callable[..., Assessment]) -> None:
    (tmp_path / "file").touch()
    one = made("first")
    with one.store, pytest.raises(GuardrailsError, match="file"):
        add_run(one, parquet_place(tmp_path / "file"))
    with pytest.raises(GuardrailsError, match="not a place for Parquet files"):
        parquet_place("s3://central/x?kms-key=1")


def test_without_duckdb_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, lake: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(GuardrailsError, match="DuckDB") as raised:
        ask("select 1", parquet_place(lake))
    assert "aws-guardrails[query]" in raised.value.fix
