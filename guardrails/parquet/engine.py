"""DuckDB, which writes and reads the files. It is in an extra of the package, because most teams do not need it.

Source: DuckDB's documentation, "Securing DuckDB": `enable_external_access`, `allowed_paths`, `lock_configuration`.
"""
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import GuardrailsError

_MEMORY = "1GB"


def duckdb() -> ModuleType:
    """DuckDB's module. Raises GuardrailsError if it is not installed."""
    try:
        import duckdb
    except ImportError as error:
        raise GuardrailsError(
            f"Parquet files need DuckDB, which is not installed ({error})",
            "install the extra: pip install 'aws-guardrails[query]'") from None
    return duckdb


def connection(spill: Path) -> Any:
    """A database in memory, which puts what does not fit into `spill`, and loads nothing from the network."""
    return duckdb().connect(":memory:", config={
        "autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "memory_limit": _MEMORY,
        "temp_directory": str(spill), "threads": "2"})


def lock(db: Any, files: Iterable[Path]) -> None:
    """Leave the connection nothing but these files: no other file, no network, no extension, no other settings."""
    db.execute(f"set allowed_paths = [{', '.join(literal(str(file)) for file in files)}]")
    db.execute("set enable_external_access = false")
    db.execute("set lock_configuration = true")


def literal(text: str) -> str:
    """The text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
