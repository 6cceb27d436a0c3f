"""`lint`: the linter and the type checker, which take half a minute together."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from ..command import checkout


def lint_steps() -> dict[str, list[str]]:
    """The commands in their order, by name."""
    python = sys.executable
    return {
        "ruff": [python, "-m", "ruff", "check", "--output-format", "concise", "."],
        "mypy": [python, "-m", "mypy"],
    }


def run_steps(commands: dict[str, list[str]], directory: Path) -> list[str]:
    """Run each in `directory`; returns the names of those that failed. Ctrl-C ends the one that runs and the rest."""
    failed = []
    for name, command in commands.items():
        # Our own buffer goes out first, or the lines of a pipe come in the wrong order.
        click.echo(f"== {name}")
        sys.stdout.flush()
        if subprocess.run(command, cwd=directory, check=False).returncode:
            failed.append(name)
    return failed


def exit_with(failed: list[str]) -> None:
    """Name what failed on standard error and exit with 1; does nothing when nothing failed."""
    if failed:
        click.echo(f"failed: {', '.join(failed)}", err=True)
        raise SystemExit(1)


@click.command()
def lint() -> None:
    """Run ruff and mypy; both run even when the first fails.

    Exits with 1 when one of them failed. `test` runs both before the tests.

    \b
    Example:
      {command} lint
    """
    exit_with(run_steps(lint_steps(), checkout("lint")))
