"""The command that the user has, for hints and help, and the programs that are installed beside it.

The same code runs from a checkout, where run.sh is the command, and from an installed package, whose command is
`guardrails`. A text that names a verb takes the command from here, so that it can be copied into the shell as it is.
"""
from __future__ import annotations

import os
import shlex
import sys
import sysconfig
from pathlib import Path

from .errors import GuardrailsError
from .paths import INSTALLED, ROOT

VARIABLE = "GUARDRAILS_COMMAND"
"""run.sh sets this environment variable to its own path, as the user typed it."""
PLACEHOLDER = "{command}"
"""Stands for the command in the help of a verb; `guardrails.cli.main` replaces it."""
CHECKOUT_COMMAND = "./run.sh"
"""The command in a checkout, for texts that are about a checkout, such as generated documentation."""


def command(*arguments: str) -> str:
    """The command, and `arguments` as they are, with blanks between: `./run.sh audit` or `guardrails audit`."""
    return " ".join((shlex.quote(os.environ.get(VARIABLE) or "guardrails"), *arguments))


def checkout(verb: str, otherwise: str = "") -> Path:
    """The checkout, for a verb that works on this project itself.

    Raises GuardrailsError when there is none; `otherwise` says what else can be done.
    """
    if INSTALLED:
        raise GuardrailsError(
            f"{verb} works on the source of aws-guardrails, and {ROOT.parent} is an installed package",
            f"clone the repository of aws-guardrails, and run there: {CHECKOUT_COMMAND} {verb}{otherwise}")
    return ROOT


def reinstall(extra: str = "") -> str:
    """How to complete an environment from which something is missing; `extra` is the package's extra that has it."""
    if INSTALLED:
        return f"install aws-guardrails again, as aws-guardrails[{extra}]" if extra else "install aws-guardrails again"
    return f"remove .venv, and run {CHECKOUT_COMMAND} setup"


def program(name: str) -> Path:
    """The program `name` of this environment, such as `c7n-org`. Raises GuardrailsError when it is missing."""
    user = sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))  # pip install --user
    for directory in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts")), Path(user)):
        if (found := directory / name).is_file():
            return found
    raise GuardrailsError(f"{Path(sys.executable).with_name(name)} is missing", reinstall())
