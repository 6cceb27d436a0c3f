"""run.db and history.db that are damaged, foreign, locked or not writable.

Each is one error line, before AWS is asked for anything; a history that fails after the sweep costs no report.
"""
from __future__ import annotations

import os
import random
import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from guardrails.accounts import account as accounts
from guardrails.assessment.changes import assess as finish
from guardrails.errors import GuardrailsError
from guardrails.results import database
from guardrails.results.database import DatabaseLocked
from guardrails.results.history import History
from guardrails.results.store import FILE, RunStore
from tests.guardrails.conftest import guardrails
from tests.reporting import FINDINGS, RED, STARTED, WEST, assess

Damage = Callable[[Path], None]
PASSED = {("open-ssh", RED, WEST): [("sg-9", "")]}
NOISE = random.Random(13).randbytes(1_000_000)  # noqa: S311 - the same in every run


def ended(directory: Path, run: str) -> RunStore:
    store = assess(directory, passed=PASSED).store
    for key, value in {"verb": "audit", "run": run, "version": "0", "started": STARTED, "scope": "all"}.items():
        store[key] = value
    return store


def a_run(directory: Path) -> Path:
    with ended(directory, "r") as store:
        finish(store, history=directory / "history.db")
    return directory


def sql(*statements: str) -> Damage:
    def damage(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db, db:
            for statement in statements:
                db.execute(statement)
    return damage


def content(change: Callable[[bytes], bytes]) -> Damage:
    def damage(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))
    return damage


def instead(make: Callable[[Path], Any]) -> Damage:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)
    return damage


def foreign(path: Path) -> None:
    sql("create table songs (id text)", "insert into songs values ('x')")(path)


def loop(path: Path) -> None:
    path.symlink_to(path)


BOTH: dict[str, Damage] = {
    "text": content(lambda _: b"id,name\n" * 900),
    "JSON": content(lambda _: b"{}"),
    "a page": content(lambda _: b"<html>"),
    "only the header": content(lambda old: old[:100]),
    "cut in a page": content(lambda old: old[:len(old) * 2 // 3]),
    "pages of zeros": content(lambda old: old[:4096] + bytes(len(old) - 4096)),
    "pages of noise": content(lambda old: old[:4096] + NOISE[:len(old) - 4096]),
    "random bytes": content(lambda old: NOISE[:len(old)]),
    "a header of noise": content(lambda old: old[:20] + NOISE[:200] + old[220:]),
    "another program's": instead(foreign),
    "another application id": sql("pragma application_id = 1196444487"),
    "a directory": instead(Path.mkdir),
    "a pipe": instead(os.mkfifo),
    "a loop": instead(loop),
    "a table is missing": sql("drop table findings"),
    "a column is missing": sql("drop index findings_of", "alter table findings drop column policy"),
}


def value(new: str, key: str) -> Damage:
    return sql(f"update run set value = '{new}' where key = '{key}'")  # noqa: S608


def policy(new: str) -> Damage:
    return sql(f"update policies set data = {new}")  # noqa: S608


OF_A_RUN = {
    **BOTH,
    "empty": content(lambda _: b""),
    "no tables": instead(sql("pragma user_version = 1")),
    "a newer format": value("99", "format"),
    "an older format": value("0", "format"),
    "no format": sql("delete from run where key = 'format'"),
    "a broken value": value("{", "format"),
    "another value is broken": value("x", "scope"),
    "deep JSON": value("[" * 200_000, "scope"),
    "no start": sql("delete from run where key = 'started'"),
    "no verb": sql("delete from run where key = 'verb'"),
    "accounts of another type": sql("update accounts set regions = '5'"),
    "a number for a region": sql("update accounts set regions = '[5]'"),
    "a policy without fields": policy("'{}'"),
    "a policy with another field": policy("json_set(data, '$.strange', 1)"),
    "a policy with a wrong type": policy("json_set(data, '$.severity', 7)"),
    "a policy with wrong controls": policy("json_set(data, '$.controls', json('{\"cis\": 5}'))"),
    "a finding with broken JSON": sql("update findings set evidence = '{'"),
    "a finding of an unknown status": sql("update findings set status = 'gone'"),
    "a finding of an unknown policy": sql("update findings set policy = 'gone'"),
    "a check of an unknown state": sql("update checks set state = 'gone'"),
    "what passed of an unknown check": sql("update passed set policy = 'gone'"),
    "what passed of a check that did not complete": sql("update checks set state = 'denied'"),
    "more than passed": sql("update passed set number = 99"),
    "a text for what passed": sql("update passed set bits = 'x'"),
    "noise for what passed": sql("update passed set bits = x'0102'"),
    "no list of resources": sql("delete from resource_lists"),
    "a list of text": sql("update resource_lists set content = 'x'"),
    "a list of noise": sql("update resource_lists set content = x'1f8b0102'"),
}
FOUND_LATER = (
    "a finding with broken JSON", "noise for what passed", "no list of resources", "a list of text", "a list of noise")
OF_A_HISTORY = {
    **BOTH,
    "a newer version": sql("pragma user_version = 2"),
    "no version": sql("pragma user_version = 0"),
    "the runs differ": sql("drop table runs", "create table runs (id text)"),
    "the scores differ": sql("alter table scores drop column seen"),
}


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAIT", 0.3)


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any, **__: Any) -> None:
        raise AssertionError("AWS was asked")

    monkeypatch.setattr(accounts, "make_session", asked)


def one_error(result: Any, path: Path) -> str:
    """The one error of a verb, which names the file and says how to fix it."""
    assert result.exit_code not in (0, None), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
    problem, fix = [line for line in result.stderr.splitlines() if "waiting for" not in line]
    assert problem.startswith("guardrails: ") and str(path) in problem, problem
    assert fix.strip()
    return str(problem)


@pytest.mark.parametrize("what", OF_A_RUN)
def test_a_bad_run(what: str, tmp_path: Path, no_aws: None) -> None:
    run = a_run(tmp_path / "run")
    OF_A_RUN[what](run / FILE)
    target = tmp_path / "new"
    one_error(guardrails("report", str(run), "-o", str(target)), run / FILE)
    assert not target.exists() or what in FOUND_LATER


@pytest.mark.parametrize("what", OF_A_HISTORY)
@pytest.mark.parametrize("verb", ["audit", "trend"])
def test_a_bad_history_is_found_before_aws_is_asked(what: str, verb: str, tmp_path: Path, no_aws: None) -> None:
    path = a_run(tmp_path / "run") / "history.db"
    OF_A_HISTORY[what](path)
    before = path.read_bytes() if path.is_file() else b""
    arguments = ("-o", str(tmp_path / "new"), "--policy", "s3-*") if verb == "audit" else ()
    one_error(guardrails(verb, "--history", str(path), *arguments), path)
    assert not (tmp_path / "new").exists()
    assert not path.is_file() or path.read_bytes() == before


def test_a_history_that_cannot_be_made(tmp_path: Path, no_aws: None) -> None:
    (tmp_path / "file").write_text("x")
    path = tmp_path / "file" / "history.db"
    one_error(guardrails("audit", "--history", str(path), "-o", str(tmp_path / "new"), "--policy", "s3-*"), path)


@contextmanager
def locked(path: Path, how: str = "exclusive") -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, check_same_thread=False)) as other:
        other.execute(f"begin {how}")
        yield other


def test_a_locked_history_costs_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = a_run(tmp_path / "run") / "history.db"
    with ended(tmp_path / "second", "s") as store:
        with locked(path):
            made = finish(store, history=path)
        assert "another process uses it; waiting" in capsys.readouterr().err
        [note] = made.remarks
        assert note.startswith("not compared with earlier runs") and str(path) in note
        assert note in made.notes() and made.changes is None
        assert len(list(made.findings())) == len(FINDINGS)
    with RunStore.open(tmp_path / "second") as again:
        assert finish(again, history=path).remarks == []


def test_a_locked_history_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAIT", 60.0)
    path = a_run(tmp_path / "run") / "history.db"
    with locked(path) as other:
        monkeypatch.setattr(database.time, "sleep", lambda _: other.rollback())
        assert History(path).runs()
    assert capsys.readouterr().err.count("waiting for at most 60 seconds") == 1


def test_a_locked_history_is_an_error_of_trend(tmp_path: Path) -> None:
    path = a_run(tmp_path / "run") / "history.db"
    with locked(path):
        assert "another process has used it" in one_error(guardrails("trend", "--history", str(path)), path)
    with locked(path, "immediate"):  # somebody prepares to write, and reading is still possible
        assert guardrails("trend", "--history", str(path)).exit_code == 0


def test_a_locked_run(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    with locked(run / FILE), pytest.raises(DatabaseLocked):
        RunStore.open(run)


def test_a_history_that_nobody_may_write_is_shown(tmp_path: Path) -> None:
    path = a_run(tmp_path / "run") / "history.db"
    path.chmod(0o444)
    before = path.read_bytes()
    assert guardrails("trend", "--history", str(path)).exit_code == 0
    assert path.read_bytes() == before


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file may grow beyond `room` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_for_the_history_costs_no_report(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    History(path)
    before = path.read_bytes()
    with ended(tmp_path / "run", "r") as store:
        with full_disk(max(len(before), (tmp_path / "run" / FILE).stat().st_size)):
            made = finish(store, history=path)
        assert "not compared with earlier runs" in made.not_compared
        assert len(list(made.findings())) == len(FINDINGS)
        assert finish(store, history=path).not_compared == ""


def test_a_full_disk_for_the_run_is_one_error_and_keeps_what_is_saved(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    with RunStore.open(run) as store:
        checks = list(store.checks())
        with full_disk((run / FILE).stat().st_size), pytest.raises(GuardrailsError, match=FILE):
            store["note"] = "x" * 100_000
        assert list(store.checks()) == checks


def test_two_audits_at_the_same_time_keep_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.db"
    for name in ("a", "b"):
        ended(tmp_path / name, name).close()
    problems: list[str] = []

    def add(directory: Path) -> None:
        with RunStore.open(directory) as store:
            problems.append(finish(store, history=path).not_compared)

    monkeypatch.setattr(database, "WAIT", 60.0)
    threads = [threading.Thread(target=add, args=(each,)) for each in (tmp_path / "a", tmp_path / "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == ["", ""]
    assert {run.id for run in History(path).runs()} == {"a", "b"}


def test_a_transaction_locks_the_attached_file_too(tmp_path: Path) -> None:
    a_run(tmp_path / "a")
    history = tmp_path / "a" / "history.db"
    # open() begins a transaction before the history is attached.
    with RunStore.open(tmp_path / "a") as store, store.attached(history, "h") as db:
        database.begin(db, history, write=True)
        with closing(sqlite3.connect(history, timeout=0)) as other, \
                pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("begin immediate")
        db.rollback()
