"""The results of earlier runs: since when a finding is open, which ones are fixed, and how the score developed.

One SQLite file for many runs; docs/report.md lists its tables. A finding is fixed when an earlier run found it, and a
later run completed the same check (account, region, policy) without finding it. A finding whose check did not run or
did not complete keeps its status: an audit of buckets alone marks no security group as fixed.
"""
from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import GuardrailsError
from ..paths import create_private
from .database import DatabaseKind, begin, explained, has_tables, open_database
from .finding import TABLE
from .store import RunStore

VERSION = 1

_TABLES = """
create table if not exists runs (
    id text primary key, scope text not null, started text not null, finished text not null,
    complete integer not null, asked integer not null, seen integer not null, score real not null,
    open integer not null, excepted integer not null, fixed integer not null, new integer not null
) without rowid;
create table if not exists scores (
    run text not null, kind text not null, name text not null, score real, seen real, open integer not null,
    primary key (run, kind, name)
) without rowid;
create table if not exists findings (
    {columns}, first_run text not null, reopened_run text not null default '', fixed_run text not null default ''
) without rowid;
create index if not exists findings_of on findings (policy, account, region);
"""
_FIX = "name another file with --history, or move this one away to begin a new history"
_OWN_COLUMNS = frozenset({"id", "account", "policy", "first_run", "reopened_run", "fixed_run"})
"""Columns of `findings` that tell a history from a file of another program."""


def _kind() -> DatabaseKind:
    return DatabaseKind("a history of guardrails", 0x61776768, _TABLES.format(columns=TABLE.definitions), _FIX)


@dataclass(frozen=True)
class RunChanges:
    """What a run changed in comparison with all earlier runs."""

    new: int = 0
    """Open findings that no earlier run found."""
    reopened: int = 0
    """Open findings that were fixed in between."""
    fixed: int = 0
    previous: str = ""
    """When the previous run of the same accounts, regions and policies started; empty for the first run."""
    score_before: float | None = None
    """The score of the previous run."""


@dataclass(frozen=True)
class RunScore:
    """The score of a part of a run: of an account, a framework, a severity, or of everything."""

    kind: str
    """`all`, `account`, `framework` or `severity`."""
    name: str
    """The id of the account, the name of the framework or of the severity; empty for `all`."""
    score: float | None
    """0 to 100; None for a severity, which has no score."""
    seen: float | None
    """The share of completed checks (of a framework: of evaluated requirements), 0 to 1; None for a severity."""
    open: int
    """Open findings; of a framework, failed requirements."""


@dataclass(frozen=True)
class PastRun:
    """One run in the history."""

    id: str
    scope: str
    """A fingerprint of the accounts, regions and policies. Only runs with the same scope have comparable scores."""
    started: str
    finished: str
    complete: bool
    asked: int
    """Checks that should have run."""
    seen: int
    """Checks that completed."""
    score: float
    open: int
    excepted: int
    fixed: int
    new: int
    lines: tuple[RunScore, ...] = ()


class History:
    """The file with the results of all runs. It is created when it does not exist."""

    def __init__(self, path: Path, *, write: bool = True) -> None:
        """Open and check the file. Without `write` it must exist, and is never changed.

        Raises DatabaseLocked if another process uses the file for too long, and GuardrailsError when it cannot be
        created, is damaged, or is not a history.
        """
        self.path = path
        if write:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                if not os.path.lexists(path):
                    create_private(path)
            except (OSError, ValueError) as error:  # ValueError: a null byte
                raise GuardrailsError(f"{path}: {error}", "name a writable file with --history") from None
        with explained(path, _FIX), closing(open_database(path, _kind(), write=write)) as db:
            begin(db, path, write=write)
            if has_tables(db):
                self._refuse_foreign(db)
            if write:
                _complete(db)
            if lacking := [name for name in _kind().lacking(db) if write or not name.startswith("findings.")]:
                raise GuardrailsError(f"{path}: not a history of guardrails: it has no {lacking[0]}", _FIX)
            db.commit()

    @classmethod
    def check(cls, path: Path) -> None:
        """Find out whether the file can be used, and do not create it. Raises as `__init__` does."""
        if os.path.lexists(path):
            cls(path)
            return
        parent = next(parent for parent in path.absolute().parents if parent.exists())
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise GuardrailsError(f"{path}: cannot be created in {parent}", "name a writable file with --history")

    def _refuse_foreign(self, db: sqlite3.Connection) -> None:
        version = db.execute("pragma user_version").fetchone()[0]
        present = {row[1] for row in db.execute("pragma table_info(findings)")}
        if version == 0 or not present >= _OWN_COLUMNS:
            raise GuardrailsError(f"{self.path}: not a history of guardrails: it belongs to another program", _FIX)
        if version != VERSION:
            raise GuardrailsError(
                f"{self.path}: written by another version of guardrails (format {version}, not {VERSION})", _FIX)

    def merge(self, store: RunStore, run: str, started: str) -> None:
        """Update the history with the findings of a run, and the run with what the history knows.

        The run's findings get their first and last time, and the findings that it shows to be fixed are added to it.
        Repeating it for a run that was resumed gives the same result as a single pass.
        """
        stamps = {"run": run, "at": started}
        columns = ", ".join(TABLE.names)
        # In the history both times are those of the run, until a later run finds the same.
        selected = ", ".join(":at" if name in ("first_seen", "last_seen") else name for name in TABLE.names)
        updated = ", ".join(f"{name} = excluded.{name}" for name, column in TABLE.stored.items() if column.updated)
        with explained(self.path, _FIX), store.attached(self.path, "h") as db:
            begin(db, self.path, write=True)
            with db:
                self._merge(db, stamps, columns, selected, updated)

    @staticmethod
    def _merge(db: sqlite3.Connection, stamps: Mapping[str, str], columns: str, selected: str, updated: str) -> None:
        # Of an earlier pass over this run. A finding that a function fixed before any run knew of it stays.
        db.execute("delete from main.findings where status = 'fixed' and id in (select id from h.findings)")
        db.execute(
            f"insert or ignore into h.findings ({columns}, first_run, fixed_run) "  # noqa: S608
            f"select {selected}, :run, :run from main.findings where status = 'fixed'", stamps)
        db.execute(
            f"insert into h.findings ({columns}, first_run) "  # noqa: S608
            f"select {selected}, :run from main.findings where status <> 'fixed' "
            f"on conflict (id) do update set {updated}, reopened_run = "
            "case when findings.status = 'fixed' then :run else findings.reopened_run end, fixed_run = ''", stamps)
        db.execute(
            "update h.findings set status = 'fixed', fixed_run = :run where status <> 'fixed' "
            "and id not in (select id from main.findings) and exists (select 1 from main.checks c where "
            "c.account = h.findings.account and c.region = h.findings.region and c.policy = h.findings.policy "
            "and c.state = 'ran')", stamps)
        db.execute(
            "update main.findings set first_seen = (select first_seen from h.findings b where b.id = findings.id), "
            "last_seen = :at", stamps)
        # Of the policies of this run only: its report shows no others.
        db.execute(
            f"insert or replace into main.findings ({columns}) select {columns} from h.findings "  # noqa: S608
            "where fixed_run = :run and policy in (select name from main.policies)", stamps)

    def changes(self, run: str, scope: str) -> RunChanges:
        """What the run changed. Call `merge` first."""
        with self._opened() as db:
            new, reopened = db.execute(
                "select coalesce(sum(first_run = :run), 0), coalesce(sum(reopened_run = :run and first_run <> :run), 0)"
                " from findings where status = 'open'", {"run": run}).fetchone()
            (fixed,) = db.execute("select count(*) from findings where fixed_run = ?", (run,)).fetchone()
            before = db.execute(
                "select started, score from runs where scope = ? and id <> ? order by started desc limit 1",
                (scope, run)).fetchone()
        return RunChanges(new, reopened, fixed, *(before or ("", None)))

    def reopened(self, run: str) -> set[str]:
        """The ids of the open findings that had been fixed before this run found them again."""
        with self._opened() as db:
            return {row[0] for row in db.execute(
                "select id from findings where reopened_run = ? and status = 'open'", (run,))}

    def record(self, run: PastRun) -> None:
        """Store the numbers of a run; they replace those from before it was resumed."""
        with self._opened(write=True) as db, db:
            db.execute(
                "insert or replace into runs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (run.id, run.scope, run.started, run.finished, run.complete, run.asked, run.seen, run.score, run.open,
                 run.excepted, run.fixed, run.new))
            db.execute("delete from scores where run = ?", (run.id,))
            db.executemany("insert into scores values (?, ?, ?, ?, ?, ?)", [
                (run.id, line.kind, line.name, line.score, line.seen, line.open) for line in run.lines])

    def runs(self, scope: str = "", limit: int = 0) -> list[PastRun]:
        """The last `limit` runs (0: all) of a scope (empty: of any), the oldest first, with all their scores."""
        with self._opened() as db:
            found = db.execute(
                "select * from runs where ? in ('', scope) order by started desc, id limit ?",
                (scope, limit or -1)).fetchall()
            return [_past(row, db) for row in reversed(found)]

    @contextmanager
    def _opened(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction on the file. Raises GuardrailsError for every error of SQLite."""
        with explained(self.path, _FIX), closing(sqlite3.connect(self.path, timeout=0)) as db:
            begin(db, self.path, write=write)
            yield db


def _complete(db: sqlite3.Connection) -> None:
    """Make what the file lacks: everything in a new one, and new columns in one that is kept for years."""
    kind = _kind()
    for statement in kind.tables.split(";"):
        db.execute(statement)
    for name in TABLE.missing(row[1] for row in db.execute("pragma table_info(findings)")):
        db.execute(f"alter table findings add column {TABLE.definition(name)}")
    for pragma, value in (("user_version", VERSION), ("application_id", kind.application_id)):
        if db.execute(f"pragma {pragma}").fetchone()[0] != value:
            db.execute(f"pragma {pragma} = {value}")


def _past(row: Sequence[Any], db: sqlite3.Connection) -> PastRun:
    lines: Iterable[Sequence[Any]] = db.execute(
        "select kind, name, score, seen, open from scores where run = ? order by kind, name", (row[0],))
    number, scope, started, finished, complete, asked, seen, score, opened, excepted, fixed, new = row
    return PastRun(
        number, scope, started, finished, bool(complete), asked, seen, score, opened, excepted, fixed, new,
        tuple(RunScore(*line) for line in lines))
