"""Writes one run as Parquet files: a file for each table."""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..assessment import Assessment
from ..errors import GuardrailsError
from .engine import connection, duckdb, literal
from .place import ParquetPlace, key_of, parquet_place
from .tables import DUCKDB_TYPES, TABLES, ParquetTable, utc

_LAST = "runs"
_LARGEST = 256 * 1024 * 1024
"""Bytes of a row: more than the evidence of any finding."""


def check_parquet(text: str) -> ParquetPlace:
    """The place to write to. Raises GuardrailsError for an invalid one, and if DuckDB is not installed."""
    duckdb()
    return parquet_place(text)


def add_run(assessment: Assessment, place: ParquetPlace) -> list[str]:
    """Write the run to the place, or replace what it has of it; returns the keys of the files.

    Rows are read and written one by one, so memory does not grow with the run. Raises GuardrailsError if DuckDB is not
    installed, or a file cannot be written; the file in `runs` is written last.
    """
    day = utc(assessment.started).date()
    with TemporaryDirectory(prefix="guardrails-") as directory:
        files = {}
        for name in sorted(TABLES, key=lambda name: name == _LAST):
            files[key_of(name, day, assessment.run)] = _made(TABLES[name], assessment, Path(directory), name)
        place.put(files)
    return list(files)


def _made(table: ParquetTable, assessment: Assessment, directory: Path, name: str) -> Path:
    """The file of one table. The rows pass through a file of JSON lines, which DuckDB reads in blocks."""
    lines, made = directory / f"{name}.json", directory / f"{name}.parquet"
    columns = ", ".join(f"{literal(one.name)}: {literal(DUCKDB_TYPES[one.type])}" for one in table.columns)
    try:
        with open(lines, "w", encoding="ascii") as stream:
            stream.writelines(_lines(table.rows(assessment)))
        with connection(directory) as db:
            db.execute(
                f"copy (select * from read_json({literal(str(lines))}, format = 'newline_delimited', "  # noqa: S608
                f"columns = {{{columns}}}, maximum_object_size = {_LARGEST})) "
                f"to {literal(str(made))} (format parquet, compression zstd)")
    except duckdb().Error as error:
        raise GuardrailsError(f"the Parquet file of {name} could not be written: {error}",
                              "is there enough space for temporary files?") from None
    except ValueError as error:  # a time that is not ours
        raise GuardrailsError(f"{assessment.store.path}: a value of {name} cannot be read: {error}",
                              "run the audit again") from None
    except OSError as error:
        raise GuardrailsError(f"{lines}: {error.strerror or error}", "is the disk full?") from None
    lines.unlink()
    return made


def _lines(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for row in rows:
        yield json.dumps({
            name: _text(json.dumps(value, default=str) if isinstance(value, Mapping | list) else value)
            for name, value in row.items()}) + "\n"


def _text(value: Any) -> Any:
    """Text that is valid in a Parquet file: a NUL, and half of a surrogate pair, become visible escapes."""
    if not isinstance(value, str):
        return value
    return value.replace("\0", "\\x00").encode(errors="backslashreplace").decode()
