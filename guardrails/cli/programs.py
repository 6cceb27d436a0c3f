"""Other programs of this environment, run with its Python and our filters and actions: `guardrails custodian …`."""
from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import NoReturn

import click

from ..command import program, reinstall
from ..errors import GuardrailsError


def program_command(name: str) -> list[str]:
    """How to run a program, as the words before its arguments. Raises GuardrailsError when it is not installed."""
    if name == "python":
        return [sys.executable]
    if name == "c7n-mailer":
        if find_spec("c7n_mailer") is None:
            raise GuardrailsError("c7n-mailer is not installed", reinstall("mailer"))
        # A message must not choose what the mailer renders, or to whom it writes.
        return [sys.executable, "-m", "guardrails.mailer.function"]
    return [str(program(name))]


def passed_through(name: str, text: str) -> click.Command:
    """The command that replaces this process by the program, and gives it all arguments, also --help."""

    @click.command(name, help=text, add_help_option=False,
                   context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def run(arguments: tuple[str, ...]) -> NoReturn:
        words = [*program_command(name), *arguments]
        sys.stdout.flush()
        os.execv(words[0], words)  # noqa: S606

    return run
