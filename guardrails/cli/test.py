"""`test`: the linter, the type checker and the tests, all three whatever happens."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from ..paths import ROOT


def steps(arguments: tuple[str, ...]) -> dict[str, list[str]]:
    """The commands in their order, by name; `arguments` go to pytest."""
    python = sys.executable
    return {
        "ruff": [python, "-m", "ruff", "check", "--output-format", "concise", "."],
        "mypy": [python, "-m", "mypy"],
        "pytest": [python, "-m", "pytest", *arguments],
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


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PYTEST ARGS]...")
def test(arguments: tuple[str, ...]) -> None:
    """Run ruff, mypy and pytest, in this order; all three run even when one fails.

    Arguments go to pytest; its paths are from the project's directory. What failed is named at the end, on standard
    error. Exits with 1 when a step failed.

    \b
    Example:
      ./run.sh test
      ./run.sh test tests/ingress -x -k narrow
    """
    failed = run_steps(steps(arguments), ROOT)
    if failed:
        click.echo(f"failed: {', '.join(failed)}", err=True)
        raise SystemExit(1)
