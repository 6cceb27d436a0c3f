"""How a verb talks: results to standard output, everything else to standard error."""
from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import GuardrailsError

SEVERITY_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}
# In a pipe rich would fall back to 80 columns and cut names that a script may look for.
_PIPE_WIDTH = 200


def out() -> Console:
    """Standard output. Made anew for each use, because a test replaces the stream."""
    return _console(stderr=False)


def err() -> Console:
    """Standard error, for progress and for what went wrong."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, soft_wrap=True, width=None if stream.isatty() else _PIPE_WIDTH)


def text(value: object, style: str = "") -> Text:
    """A cell that shows `value` as it is: names come from AWS, and `[red]` in one is not markup.

    Control characters are made visible, so that a name cannot move the cursor or add a line.
    """
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))
    return Text(shown, style=style)


def severity(value: str) -> Text:
    """A severity in its colour."""
    return text(value, SEVERITY_STYLES.get(value, ""))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table whose cells are Text or plain values; nothing in them is read as markup."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else text(cell) for cell in row))
    return made


def need_an_answer(*, yes: bool) -> None:
    """Raise GuardrailsError when somebody will have to be asked and nobody is there: before any work is done."""
    if not yes and not sys.stdin.isatty():
        raise GuardrailsError(
            "this asks before it changes anything, and standard input is no terminal", "add --yes to go ahead"
        )


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is changed.

    Returns when the answer is yes or `yes` is set. Raises GuardrailsError when there is nobody to ask, and
    click.Abort when the answer is no.
    """
    need_an_answer(yes=yes)
    if not yes and not click.confirm(question, err=True):
        raise click.Abort
