"""The columns of a finding: one list, from which the SQL, the record, the CSV head and the JSON keys are derived."""
from __future__ import annotations

import csv
import io
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import pytest

from guardrails.errors import GuardrailsError
from guardrails.report.formats import spreadsheet
from guardrails.results import history, store
from guardrails.results.columns import Column, FindingTable
from guardrails.results.finding import TABLE, Finding, Status
from guardrails.results.history import History
from guardrails.results.store import FILE, PolicyInfo, RunStore
from tests.reporting import FINDINGS, POLICIES, RED, STARTED, assess, finding, text_of

# The columns of format 3. A change of this list is a change of the file format.
STORED = {
    "id", "status", "account", "account_name", "region", "policy", "resource_type", "resource", "arn", "first_seen",
    "last_seen", "exception", "evidence", "name", "tags",
}


@dataclass(frozen=True, kw_only=True)
class Wider(Finding):
    """A finding with one more column: this one line is all that a new column needs."""

    purpose: Annotated[str, Column()] = "nobody's"


WIDER = FindingTable(Wider)


def columns_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[1] for row in db.execute("pragma table_info(findings)")]


def widen(patch: pytest.MonkeyPatch) -> None:
    """As if the line of `Wider` were in `Finding`."""
    for module in (store, history, spreadsheet):
        patch.setattr(module, "TABLE", WIDER)


def wider(one: Finding, **more: Any) -> Wider:
    return Wider(**{each.name: getattr(one, each.name) for each in fields(one)}, **more)


def test_record_sql_json_and_policy_agree(tmp_path: Path) -> None:
    assert set(TABLE.names) == STORED
    assert list(TABLE.columns) == [each.name for each in fields(Finding)]
    made = assess(tmp_path)
    assert columns_of(tmp_path / FILE) == list(TABLE.names)
    assert set(FINDINGS[0].to_dict()) == {"id", *TABLE.columns}
    # What is not stored with the finding is stored with its policy, under the same name.
    assert TABLE.columns.keys() - TABLE.stored.keys() <= {each.name for each in fields(PolicyInfo)}
    assert sorted(made.findings(), key=lambda one: one.id) == sorted(FINDINGS, key=lambda one: one.id)


@pytest.mark.parametrize("one", FINDINGS)
def test_a_row_reads_back_as_the_finding(one: Finding) -> None:
    row = TABLE.row(one)
    assert len(row) == len(TABLE.names)
    assert all(isinstance(value, str) for value in row)
    assert TABLE.finding(row, POLICIES[one.policy]) == one


def test_one_line_is_a_new_column_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    widen(monkeypatch)
    ours = [wider(one, purpose=f"team-{number}") for number, one in enumerate(FINDINGS)]
    made = assess(tmp_path / "run", ours)
    assert [name for name in columns_of(tmp_path / "run" / FILE) if name not in STORED] == ["purpose"]
    found = {one.id: one for one in made.findings()}
    assert found == {one.id: one for one in ours}
    assert all(one.to_dict()["purpose"].startswith("team-") for one in found.values())
    rows = list(csv.DictReader(io.StringIO(text_of(spreadsheet.pieces, made), newline="")))
    assert {row["id"]: row["purpose"] for row in rows} == {one.id: one.purpose for one in ours}
    History(tmp_path / "history.db").merge(made.store, "r", STARTED)
    with closing(sqlite3.connect(tmp_path / "history.db")) as db:
        kept = dict(db.execute("select id, purpose from findings"))
    assert kept == {one.id: one.purpose for one in ours}


def test_a_run_with_other_columns_is_refused_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assess(tmp_path).store.close()
    RunStore.open(tmp_path).close()
    with monkeypatch.context() as patch:
        widen(patch)
        with pytest.raises(GuardrailsError, match="another version of guardrails: its table findings differs in purp"):
            RunStore.open(tmp_path)
    with RunStore.open(tmp_path) as opened:
        opened["format"] = 0
    with pytest.raises(GuardrailsError, match="another version of guardrails: format 0, not 4") as error:
        RunStore.open(tmp_path)
    assert error.value.fix == "run the audit again"


def test_a_history_gets_a_new_column_and_keeps_its_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.db"
    earlier = assess(tmp_path / "1")
    History(path).merge(earlier.store, "first", "2026-01-01T00:00:00+00:00")
    with monkeypatch.context() as patch:
        widen(patch)
        again = [wider(one, purpose="web") for one in FINDINGS if one.status is Status.OPEN]
        History(path).merge(assess(tmp_path / "2", again).store, "second", STARTED)
        with closing(sqlite3.connect(path)) as db:
            rows = db.execute("select id, first_run, purpose from findings").fetchall()
        assert len(rows) == len(FINDINGS)
        assert {row[1] for row in rows} == {"first"}
        # What the second run did not find keeps the default.
        assert {row[0]: row[2] for row in rows} == {
            one.id: "web" if one.status is Status.OPEN else "nobody's" for one in FINDINGS}
    # The version without the column still writes into the history that has it.
    History(path).merge(assess(tmp_path / "3", [finding("open-ssh", "sg-9", account=RED)]).store, "third", STARTED)


def test_a_history_of_the_first_version_is_read(tmp_path: Path) -> None:
    """The table as it was written by hand, with its columns in another order and without defaults."""
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "create table findings (id text primary key, account text not null, account_name text not null, "
            "region text not null, policy text not null, resource_type text not null, resource text not null, "
            "arn text not null, evidence text not null, exception text not null, status text not null, "
            "first_seen text not null, last_seen text not null, first_run text not null, "
            "reopened_run text not null default '', fixed_run text not null default '') without rowid")
        db.execute("pragma user_version = 1")
    one = replace(FINDINGS[0], first_seen="", last_seen="")
    made = assess(tmp_path / "run", [one])
    History(path).merge(made.store, "r", STARTED)
    [kept] = made.findings()
    assert kept == replace(one, first_seen=STARTED, last_seen=STARTED)
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        [row] = db.execute("select * from findings").fetchall()
    assert (row["resource"], row["policy"], row["status"], row["first_run"]) == ("data", "public-bucket", "open", "r")


def test_a_field_without_a_column_is_an_error() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Forgotten(Finding):
        purpose: str = ""

    with pytest.raises(TypeError, match=re.escape("Forgotten.purpose: annotate it with one Column")):
        FindingTable(Forgotten)
