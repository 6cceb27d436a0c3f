"""The ready queries. Each is a file of SQL; its first comment says what it answers."""
from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class NamedQuery:
    """A ready query."""

    name: str
    meaning: str
    sql: str


def named_queries() -> dict[str, NamedQuery]:
    """All of them, by name."""
    found = {}
    for file in sorted((files(__package__) / "queries").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            name, sql = file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")
            found[name] = NamedQuery(name, sql.partition("\n")[0].removeprefix("--").strip(), sql)
    return found
