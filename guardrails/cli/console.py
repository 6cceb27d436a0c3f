"""Output of the verbs: results to standard output, everything else to standard error."""
from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from custom_actions.escaping import escaped

from ..errors import GuardrailsError

SEVERITY_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim",
                   "unrated": "dim"}
# In a pipe rich assumes 80 columns, and would wrap names that a script may search for.
_PIPE_WIDTH = 200


def out() -> Console:
    """Standard output. A new console for each call, because tests replace the stream."""
    return _console(stderr=False)


def err() -> Console:
    """Standard error, for progress, questions and errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, soft_wrap=True, width=None if stream.isatty() else _PIPE_WIDTH)


def text(value: object, style: str = "") -> Text:
    """A table cell that shows `value` literally: names come from AWS, and `[red]` in a name is not markup.

    Control characters are escaped, so that a name cannot move the cursor or add a line.
    """
    return Text(escaped(value), style=style)


def severity(value: str) -> Text:
    """A severity in its colour."""
    return text(value, SEVERITY_STYLES.get(value, ""))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table. Cells are Text or plain values; markup in them has no effect."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else text(cell) for cell in row))
    return made


def need_an_answer(*, yes: bool) -> None:
    """Raise GuardrailsError if the verb will ask a question and standard input is not a terminal.

    Verbs call it before they start to work.
    """
    if not yes and not sys.stdin.isatty():
        raise GuardrailsError(
            "this verb asks before it changes anything, but standard input is not a terminal", "add --yes to confirm"
        )


def confirm(question: str, *, yes: bool) -> None:
    """Ask for confirmation before something is changed.

    Returns if the answer is yes or `yes` is set. Raises click.Abort if the answer is no, and GuardrailsError if
    standard input is not a terminal.
    """
    need_an_answer(yes=yes)
    if not yes and not click.confirm(question, err=True):
        raise click.Abort
