"""What earlier runs found: since when a finding is open, what was fixed, and how the score went.

One SQLite file over many runs (see docs/report.md for its tables). A finding is fixed when an earlier run found it,
and a later one looked at the same account, region and policy to the end and did not. What a run did not look at keeps
its status: a report of buckets alone fixes no security group.
"""
from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import GuardrailsError
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
    id text primary key, account text not null, account_name text not null, region text not null,
    policy text not null, resource_type text not null, resource text not null, arn text not null,
    evidence text not null, exception text not null, status text not null, first_seen text not null,
    last_seen text not null, first_run text not null, reopened_run text not null default '',
    fixed_run text not null default ''
) without rowid;
create index if not exists findings_of on findings (policy, account, region);
"""
_COLUMNS = (
    "id, account, account_name, region, policy, resource_type, resource, arn, evidence, exception, status, "
    "first_seen, last_seen"
)


@dataclass(frozen=True)
class Changes:
    """What a run changed in comparison with all earlier ones."""

    new: int = 0
    """Open findings that no earlier run had."""
    reopened: int = 0
    """Open findings that were fixed in between."""
    fixed: int = 0
    previous: str = ""
    """When the last run over the same accounts, regions and policies was; empty when this is the first."""
    score_before: float | None = None
    """Of that run."""


@dataclass(frozen=True)
class Line:
    """One number of one run: the score, its share seen and the open findings of an account, a framework, or all."""

    kind: str
    """`all`, `account`, `framework` or `severity`."""
    name: str
    """The account's id, the framework's or the severity's name; empty for all."""
    score: float | None
    """0 to 100; None where there is none (a severity)."""
    seen: float | None
    """0 to 1."""
    open: int


@dataclass(frozen=True)
class PastRun:
    """One run as the history keeps it."""

    id: str
    scope: str
    """A fingerprint of what was asked: only runs of one scope have comparable scores."""
    started: str
    finished: str
    complete: bool
    asked: int
    seen: int
    score: float
    open: int
    excepted: int
    fixed: int
    new: int
    lines: tuple[Line, ...] = ()


class History:
    """The file of all runs; `open` makes it when it is not there."""

    def __init__(self, path: Path) -> None:
        """Raises GuardrailsError when `path` cannot be made or is something else."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(path)) as db:
                version = db.execute("pragma user_version").fetchone()[0]
                if version not in (0, VERSION):
                    raise GuardrailsError(f"{path}: written by another version of guardrails", "name another --history")
                db.executescript(_TABLES)
                db.execute(f"pragma user_version = {VERSION}")
        except (OSError, sqlite3.Error) as error:
            raise GuardrailsError(f"{path}: {error}", "name a file that can be written with --history") from None

    def merge(self, store: RunStore, run: str, started: str) -> None:
        """Bring a run's findings and the history's together, in both files.

        The run's get their first and last time; what it showed to be fixed joins them. Doing it again for the same
        run, when it was resumed, gives what one pass would have given.
        """
        stamps = {"run": run, "at": started}
        with store.attached(self.path, "h") as db, db:
            # Those of an earlier pass; what a function put right before any run knew of it stays.
            db.execute("delete from main.findings where status = 'fixed' and id in (select id from h.findings)")
            db.execute(
                f"insert or ignore into h.findings ({_COLUMNS}, first_run, fixed_run) "  # noqa: S608
                "select id, account, account_name, region, policy, resource_type, resource, arn, evidence, exception, "
                "status, :at, :at, :run, :run from main.findings where status = 'fixed'", stamps)
            db.execute(
                f"insert into h.findings ({_COLUMNS}, first_run) "  # noqa: S608
                "select id, account, account_name, region, policy, resource_type, resource, arn, evidence, exception, "
                "status, :at, :at, :run from main.findings where status <> 'fixed' "
                "on conflict (id) do update set last_seen = excluded.last_seen, evidence = excluded.evidence, "
                "exception = excluded.exception, status = excluded.status, account_name = excluded.account_name, "
                "region = excluded.region, reopened_run = case when findings.status = 'fixed' then :run "
                "else findings.reopened_run end, "
                "fixed_run = ''", stamps)
            db.execute(
                "update h.findings set status = 'fixed', fixed_run = :run where status <> 'fixed' "
                "and id not in (select id from main.findings) and exists (select 1 from main.checks c where "
                "c.account = h.findings.account and c.region = h.findings.region and c.policy = h.findings.policy "
                "and c.state = 'ran')", stamps)
            db.execute(
                "update main.findings set first_seen = (select first_seen from h.findings b where b.id = findings.id), "
                "last_seen = :at", stamps)
            # Only of policies that the run knows: a report says nothing of others.
            db.execute(
                "insert or replace into main.findings select id, account, account_name, region, policy, "
                "resource_type, resource, arn, status, first_seen, last_seen, evidence, exception from h.findings "
                "where fixed_run = :run and policy in (select name from main.policies)", stamps)

    def changes(self, run: str, scope: str) -> Changes:
        """What the run changed, once it is merged."""
        with self._reading() as db:
            new, reopened = db.execute(
                "select coalesce(sum(first_run = :run), 0), coalesce(sum(reopened_run = :run and first_run <> :run), 0)"
                " from findings where status = 'open'", {"run": run}).fetchone()
            (fixed,) = db.execute("select count(*) from findings where fixed_run = ?", (run,)).fetchone()
            before = db.execute(
                "select started, score from runs where scope = ? and id <> ? order by started desc limit 1",
                (scope, run)).fetchone()
        return Changes(new, reopened, fixed, *(before or ("", None)))

    def reopened(self, run: str) -> set[str]:
        """The ids of the open findings that were fixed before this run found them again."""
        with self._reading() as db:
            return {row[0] for row in db.execute(
                "select id from findings where reopened_run = ? and status = 'open'", (run,))}

    def record(self, run: PastRun) -> None:
        """Keep a run's numbers; in place of those that it had before it was resumed."""
        with closing(sqlite3.connect(self.path, timeout=30)) as db, db:
            db.execute(
                "insert or replace into runs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (run.id, run.scope, run.started, run.finished, run.complete, run.asked, run.seen, run.score, run.open,
                 run.excepted, run.fixed, run.new))
            db.execute("delete from scores where run = ?", (run.id,))
            db.executemany("insert into scores values (?, ?, ?, ?, ?, ?)", [
                (run.id, line.kind, line.name, line.score, line.seen, line.open) for line in run.lines])

    def runs(self, scope: str = "", limit: int = 0) -> list[PastRun]:
        """The last `limit` runs (all, when 0) of a scope (of any, when empty), the oldest first, with their lines."""
        with self._reading() as db:
            found = db.execute(
                "select * from runs where ? in ('', scope) order by started desc, id limit ?",
                (scope, limit or -1)).fetchall()
            return [_past(row, db) for row in reversed(found)]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=30)) as db:
            yield db


def _past(row: Sequence[Any], db: sqlite3.Connection) -> PastRun:
    lines: Iterable[Sequence[Any]] = db.execute(
        "select kind, name, score, seen, open from scores where run = ? order by kind, name", (row[0],))
    number, scope, started, finished, complete, asked, seen, score, opened, excepted, fixed, new = row
    return PastRun(
        number, scope, started, finished, bool(complete), asked, seen, score, opened, excepted, fixed, new,
        tuple(Line(*line) for line in lines))
