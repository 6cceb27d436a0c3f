"""Opens SQLite files: a damaged, foreign, locked or unwritable one is one clear error, before anything depends on it.

A file is ours if it has our application id. Files from before there was an id have 0, and are known by their tables.

Source: SQLite's documentation, "Pragma statements" (application_id, quick_check, user_version), "URI filenames", and
"Result and error codes".
"""
from __future__ import annotations

import os
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from custom_actions.escaping import escaped

from ..errors import GuardrailsError

WAIT = 30.0
"""Seconds to wait for a file that another process is writing to."""
_PAUSE = 0.1
_FREE = "free some space, or name a file on another disk"
_CLOSE = "wait until the other process has ended, and run the command again"

_Result = TypeVar("_Result")


class DatabaseLocked(GuardrailsError):
    """Another process did not release the file in time."""


@dataclass(frozen=True)
class DatabaseKind:
    """What a file must be.

    Attributes:
        what: what the file is, in an error: `a history of guardrails`.
        application_id: the number in the header of such a file.
        tables: the SQL that creates its tables.
        fix: how to get a valid one.
    """

    what: str
    application_id: int
    tables: str
    fix: str

    def columns(self) -> Mapping[str, frozenset[str]]:
        """The columns of each table."""
        with closing(sqlite3.connect(":memory:")) as db:
            db.executescript(self.tables)
            return _columns(db)

    def lacking(self, db: sqlite3.Connection) -> list[str]:
        """The columns that the tables of `db` lack, as `table.column`; a table that does not exist lacks all."""
        present = _columns(db)
        return sorted(f"{table}.{name}" for table, names in self.columns().items()
                      for name in names - present.get(table, frozenset()))


def open_database(path: Path, kind: DatabaseKind, *, write: bool) -> sqlite3.Connection:
    """The connection to an existing file whose header and pages are valid. Tables and versions are for the caller.

    With `write`, the file can be written. Waits for a file that another process uses, and says so on standard error.

    Raises GuardrailsError: DatabaseLocked, or if the file does not exist, is not SQLite, is damaged, belongs to another
    program, or cannot be read (or written).
    """
    with explained(path, kind.fix):
        _refuse_special(path, kind.fix)
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={'rw' if write else 'ro'}", uri=True, timeout=0)
        try:
            begin(db, path, write=write)
            if (owner := db.execute("pragma application_id").fetchone()[0]) not in (0, kind.application_id):
                raise GuardrailsError(
                    f"{path}: not {kind.what}: it belongs to another program (application id {owner})", kind.fix)
            if (found := db.execute("pragma quick_check(1)").fetchone()[0]) != "ok":
                raise GuardrailsError(f"{path}: the file is damaged: {' '.join(found.split())}", kind.fix)
            db.rollback()
        except BaseException:
            db.close()
            raise
    return db


def begin(db: sqlite3.Connection, path: Path, *, write: bool) -> None:
    """Begin a transaction on the file and on those attached to the connection.

    Waits while another process uses one of them, and says so on standard error.

    Raises DatabaseLocked after WAIT seconds, and sqlite3.Error.
    """
    # Python keeps prepared statements by their text, and a BEGIN that was prepared before an ATTACH does not lock the
    # attached file. With the names in the text, it is prepared again.
    names = ", ".join(row[1] for row in db.execute("pragma database_list"))

    def started() -> None:
        db.execute("pragma busy_timeout = 0")  # or SQLite would wait before anything is said
        db.execute(f"{'begin immediate' if write else 'begin'} /* {names} */")
        try:
            db.execute("select count(*) from sqlite_master").fetchone()
        except sqlite3.Error:
            db.rollback()
            raise

    _patiently(started, path)
    # Of the commit, for which all readers must end.
    db.execute(f"pragma busy_timeout = {WAIT * 1000:.0f}")


@contextmanager
def explained(path: Path, fix: str) -> Iterator[None]:
    """Raise errors of SQLite in this context as GuardrailsError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explanation(error, path, fix) from None


def has_tables(db: sqlite3.Connection) -> bool:
    """Whether the file has any table: a new file has none."""
    return bool(db.execute("select count(*) from sqlite_master").fetchone()[0])


def _columns(db: sqlite3.Connection) -> Mapping[str, frozenset[str]]:
    return {
        table: frozenset(row[1] for row in db.execute(f'pragma table_info("{table}")'))
        for (table,) in db.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")
        if '"' not in table
    }


def _refuse_special(path: Path, fix: str) -> None:
    """Raise GuardrailsError unless the path is a regular file: a pipe would block, and a directory has no content."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # ValueError: a null byte
        raise GuardrailsError(f"{path}: {getattr(error, 'strerror', None) or error}", fix) from None
    if not stat.S_ISREG(mode):
        raise GuardrailsError(f"{path}: is a {'directory' if stat.S_ISDIR(mode) else 'special file'}, not a file", fix)


def _patiently(attempt: Callable[[], _Result], path: Path) -> _Result:
    until = time.monotonic() + WAIT
    said = False
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
            if time.monotonic() >= until:
                raise DatabaseLocked(f"{path}: another process has used it for {WAIT:.0f} seconds", _CLOSE) from None
            if not said:
                said = True
                print(escaped(f"{path}: another process uses it; waiting for at most {WAIT:.0f} seconds"),
                      file=sys.stderr, flush=True)
            time.sleep(_PAUSE)


def _is_busy(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for an error of Python's module."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _explanation(error: sqlite3.Error, path: Path, fix: str) -> GuardrailsError:
    code = _code(error)
    if _is_busy(error):
        return DatabaseLocked(f"{path}: another process uses it", _CLOSE)
    if code == sqlite3.SQLITE_FULL:
        return GuardrailsError(f"{path}: the disk is full", _FREE)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return GuardrailsError(f"{path}: cannot be opened or written: {error}", "check the permissions of the file and "
                               f"of its directory, or {fix}")
    if code == sqlite3.SQLITE_NOTADB:
        return GuardrailsError(f"{path}: not an SQLite file", fix)
    if code == sqlite3.SQLITE_CORRUPT:
        return GuardrailsError(f"{path}: the file is damaged: {error}", fix)
    return GuardrailsError(f"{path}: {error}", fix)
