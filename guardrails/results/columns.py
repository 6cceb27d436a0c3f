"""The columns of a finding: how each field is stored in SQLite, and which cells of a table show it.

The fields of `Finding` are the one list of columns. Each is annotated with a `Column`, and everything else is derived
from that: the dataclass itself, the keys of the JSON, the tables and statements of `store.py` and `history.py`, and
the heads and cells of the CSV and Markdown tables. So a new column is one new line in `Finding`:

    purpose: Annotated[str, Column()] = ""
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from .finding import Finding

ID = "id"
"""The first column and the primary key; it is computed from the others."""


def valid_text(value: object) -> str:
    """The value as text that SQLite accepts: half of a surrogate pair, which a name in JSON may hold, is escaped."""
    return str(value).encode(errors="backslashreplace").decode()


def json_text(value: Any) -> str:
    """The value as JSON; what JSON does not know (dates) becomes a string."""
    return json.dumps(value, default=str)


def _itself(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Column:
    """How one field of a finding is stored and shown."""

    sql: str = "text"
    """The type in SQLite. Empty for a field that is the policy's: it is stored once, with the policy."""
    write: Callable[[Any], Any] = valid_text
    """From the field's value to the value in SQLite."""
    read: Callable[[Any], Any] = _itself
    """From the value in SQLite to the field's value."""
    updated: bool = True
    """Whether the history replaces the value when a later run finds the same drift again."""
    cells: Mapping[str, Callable[[Any], object]] | None = None
    """Head of a cell to its value, made from the field's; by default one cell with the field's name and value."""


class FindingTable:
    """The columns of a record class, as SQL and as cells. `record` is `Finding`, or a subclass with more columns."""

    def __init__(self, record: type[Finding]) -> None:
        """Raises TypeError when a field has no column, so that none is forgotten."""
        self.record = record
        self.columns: dict[str, Column] = {}
        hints = get_type_hints(record, include_extras=True)
        for each in fields(record):
            found = [extra for extra in getattr(hints[each.name], "__metadata__", ()) if isinstance(extra, Column)]
            if len(found) != 1:
                raise TypeError(f"{record.__name__}.{each.name}: annotate it with one Column")
            self.columns[each.name] = found[0]
        self.stored = {name: column for name, column in self.columns.items() if column.sql}
        self.names = (ID, *self.stored)
        """The columns in SQLite, in their order."""
        self._reads = [(name, self.names.index(name) if column.sql else None, column.read)
                       for name, column in self.columns.items()]
        self.defaults = {each.name: self._default(each) for each in fields(record) if each.name in self.stored}
        """The value of each column in rows that were written before the column existed."""

    # SQL.

    @property
    def definitions(self) -> str:
        """The columns for `create table`."""
        return ", ".join([f"{ID} text primary key", *map(self.definition, self.stored)])

    @property
    def selection(self) -> str:
        """The columns for `select`, of a table with the alias f."""
        return ", ".join(f"f.{name}" for name in self.names)

    @property
    def insertion(self) -> str:
        """The columns and their placeholders, for `insert into findings`."""
        return f"({', '.join(self.names)}) values ({', '.join('?' * len(self.names))})"

    def missing(self, present: Iterable[str]) -> list[str]:
        """The columns that a table with the columns `present` does not have."""
        there = set(present)
        return [name for name in self.names if name not in there]

    def definition(self, name: str) -> str:
        """The column `name` for `create table` and `alter table ... add column`."""
        value = self.defaults[name]
        literal = "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
        return f"{name} {self.stored[name].sql} not null default {literal}"

    def row(self, finding: Finding) -> tuple[Any, ...]:
        """The finding as a row with the columns `names`."""
        return (finding.id, *(column.write(getattr(finding, name)) for name, column in self.stored.items()))

    def finding(self, row: Sequence[Any], policy: object) -> Finding:
        """The finding of such a row; `policy` has the fields that are the policy's, under the same names."""
        return self.record(**{
            name: getattr(policy, name) if place is None else row[place] if read is _itself else read(row[place])
            for name, place, read in self._reads})

    def _default(self, each: Field[Any]) -> Any:
        value: Any = each.default
        if each.default_factory is not MISSING:
            value = each.default_factory()
        return self.stored[each.name].write("" if value is MISSING else value)

    # Cells.

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of all cells, in their order."""
        return (ID, *(head for name, column in self.columns.items() for head in self._cells(name, column)))

    def cells(self, finding: Finding) -> dict[str, object]:
        """Head to cell, of every cell of a finding."""
        return {ID: finding.id, **{
            head: shown(getattr(finding, name))
            for name, column in self.columns.items() for head, shown in self._cells(name, column).items()}}

    @staticmethod
    def _cells(name: str, column: Column) -> Mapping[str, Callable[[Any], object]]:
        return {name: _itself} if column.cells is None else column.cells
