"""Tables that never break a word: ids, ARNs, names of policies and account numbers can be copied as they are.

Columns shrink down to their longest word. On a terminal that is too narrow for that, each row becomes a record with one
line for each column. In a pipe, the table becomes wider instead.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_GAP = 2
_INDENT = 2


class IdTable:
    """A table for rich, without lines."""

    def __init__(self, title: Text, columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
        self._title = title
        self._columns = columns
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._title
        cells = [[Text(column, "bold") for column in self._columns], *self._rows]
        columns = list(zip(*cells, strict=True))
        least = [max(map(_longest_word, column)) for column in columns]
        widths = fitted([max(map(_longest_line, column)) for column in columns], least,
                        options.max_width - _GAP * (len(columns) - 1))
        if widths is None and console.is_terminal:
            for row in self._rows:
                yield from self._record(row, console, options.max_width)
            return
        yield from self._table(least if widths is None else widths, console, options)

    def _table(self, widths: Sequence[int], console: Console, options: ConsoleOptions) -> RenderResult:
        made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
        for column, width in zip(self._columns, widths, strict=True):
            made.add_column(column, width=width)
        for row in self._rows:
            made.add_row(*row)
        whole = sum(widths) + _GAP * len(widths)
        yield from console.render(made, options.update(width=whole, no_wrap=False, overflow="fold"))

    def _record(self, row: Sequence[Text], console: Console, width: int) -> Iterator[Text]:
        """A row as lines: the column, and its value beside it, or below it if that leaves no room for a word."""
        label = max(map(len, self._columns)) + _GAP
        for column, cell in zip(self._columns, row, strict=True):
            if not cell.plain:
                continue
            longest = _longest_word(cell)
            beside = longest <= width - label
            indent = label if beside else _INDENT
            lines = cell.wrap(console, max(width - indent, longest))
            if not beside:
                yield Text(column, "bold")
            for number, line in enumerate(lines):
                line.rstrip()
                head = column if beside and number == 0 else ""
                yield Text.assemble((head.ljust(indent), "bold"), line)
        yield Text()


def fitted(widths: Sequence[int], least: Sequence[int], room: int) -> list[int] | None:
    """The widths of columns that fit into `room` characters together.

    The widest column that can shrink gives way first.

    Args:
        widths: how wide each column would like to be.
        least: how wide each must be, at most its `widths`.

    Returns None if they do not fit even so.
    """
    if sum(least) > room:
        return None
    found = list(widths)
    while sum(found) > room:
        index = max((i for i in range(len(found)) if found[i] > least[i]), key=lambda i: found[i])
        found[index] -= 1
    return found


def _longest_word(cell: Text) -> int:
    return max((Text(word).cell_len for word in cell.plain.split()), default=0)


def _longest_line(cell: Text) -> int:
    return max((Text(line).cell_len for line in cell.plain.splitlines()), default=0)
