"""Answers a query in SQL over the Parquet files of many runs, with a DuckDB that can reach nothing else."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import GuardrailsError
from .engine import connection, duckdb, literal, lock
from .place import ParquetPlace
from .tables import DUCKDB_TYPES, PARTITION, TABLES

_HELP = "docs/query.md has the tables and their columns; --list shows ready queries"


@dataclass(frozen=True)
class Answer:
    """The rows of a query."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    runs: int
    """How many runs were asked."""


def ask(sql: str, place: ParquetPlace, since: date | None = None) -> Answer:
    """Run one SELECT on the tables `runs`, `checks` and `findings`.

    `since`: only runs that started on this UTC day or later. Raises GuardrailsError if DuckDB is not installed, the
    place has no such run or cannot be read, the query is not one SELECT, or fails.
    """
    engine = duckdb()
    with place.files(since) as files, TemporaryDirectory(prefix="guardrails-") as spill:
        files = _whole(files)
        if not files.get("runs"):
            when = f" since {since.isoformat()}" if since else ""
            raise GuardrailsError(f"{place}: no runs{when}", "write some with `audit --parquet`, or ask for an earlier "
                                  "day with --since")
        with connection(Path(spill)) as db:
            try:
                statements = db.extract_statements(sql)
                if len(statements) != 1 or statements[0].type != engine.StatementType.SELECT:
                    raise GuardrailsError("only one SELECT can be asked at a time", _HELP)
                _views(db, files)
                lock(db, [file for listed in files.values() for file in listed])
                answer = db.execute(statements[0])
                columns = [column[0] for column in answer.description]
                return Answer(columns, answer.fetchall(), len(files["runs"]))
            except engine.Error as error:
                raise GuardrailsError(f"the query failed: {str(error).strip()}", _HELP) from None


def _whole(files: Mapping[str, Sequence[Path]]) -> dict[str, list[Path]]:
    """Without the files of runs that are not written to their end: the file in `runs` is the last one."""
    whole = {file.parts[-3:-1] for file in files.get("runs", ())}
    return {table: [file for file in listed if file.parts[-3:-1] in whole] for table, listed in files.items()}


def _views(db: Any, files: Mapping[str, Sequence[Path]]) -> None:
    """A view for each table. A column that files of an earlier version lack is null; a table without files is empty."""
    for name, table in TABLES.items():
        columns = {PARTITION: "DATE", **{one.name: DUCKDB_TYPES[one.type] for one in table.columns}}
        empty = ", ".join(f"null::{kind} as {column}" for column, kind in columns.items())
        listed = files.get(name, ())
        # Of `run`, the directory has the same as the file.
        more = "" if not listed else (
            f" union all by name select * from read_parquet([{', '.join(literal(str(file)) for file in listed)}], "  # noqa: S608
            "union_by_name = true, hive_partitioning = true, hive_types = {'run_date': DATE, 'run': VARCHAR})")
        db.execute(f"create view {name} as select {', '.join(columns)} from (select {empty} where false{more})")  # noqa: S608
