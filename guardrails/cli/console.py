"""Output of the verbs: results to standard output, everything else to standard error."""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from custom_actions.escaping import escaped

from ..errors import GuardrailsError
from .tables import IdTable
from .talk import is_quiet

SEVERITY_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim",
                   "unrated": "dim"}
# In a pipe rich assumes 80 columns, and would wrap names that a script may search for.
_PIPE_WIDTH = 200


def out() -> Console:
    """Standard output. A new console for each call, because tests replace the stream."""
    return _console(stderr=False)


def err() -> Console:
    """Standard error, for errors, and for questions and what they are about. --quiet does not change it."""
    return _console(stderr=True)


def talk() -> Console:
    """Standard error, for progress and everything else that is neither an error nor a question; --quiet mutes it."""
    return _console(stderr=True, quiet=is_quiet())


def _console(*, stderr: bool, quiet: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, soft_wrap=True, quiet=quiet,
                   width=None if stream.isatty() else _PIPE_WIDTH)


def say(line: object) -> None:
    """Print a line on standard error that is neither an error nor a question; nothing with --quiet."""
    if not is_quiet():
        click.echo(line, err=True)


def aside(*, as_json: bool) -> Callable[[str], None]:
    """What prints lines that are not the result itself: on standard output, or with --json as talk."""
    return say if as_json else _print


def _print(line: str) -> None:
    click.echo(line)


def print_json(data: Any) -> None:
    """Print the result of a verb with --json, in the form in which files have it."""
    from ..paths import json_text

    click.echo(json_text(data), nl=False)


def show_written(files: Sequence[Path], *, as_json: bool) -> None:
    """Print the files that a verb has written: one on each line, or as JSON."""
    if as_json:
        print_json({"files": files})
    else:
        for file in files:
            click.echo(file)


def text(value: object, style: str = "") -> Text:
    """A table cell that shows `value` literally: names come from AWS, and `[red]` in a name is not markup.

    Control characters are escaped, so that a name cannot move the cursor or add a line.
    """
    return Text(escaped(value), style=style)


def severity(value: str) -> Text:
    """A severity in its colour."""
    return text(value, SEVERITY_STYLES.get(value, ""))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> IdTable:
    """A table that breaks no id. Cells are Text or plain values; markup in them has no effect."""
    return IdTable(text(title, "bold"), columns, [
        [cell if isinstance(cell, Text) else text(cell) for cell in row] for row in rows])


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
