"""The exceptions that apply in this process.

The environment variable GUARDRAILS_EXCEPTIONS names the file; when it is empty, there are no exceptions. When it is not
set, the file is the `exceptions.yml` of the checkout, if it exists. Where aws-guardrails is an installed package, it is
that of the current directory.
"""
from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path

from .entries import InvalidExceptions
from .file import read
from .rules import FILE, VARIABLE, ExceptionRule

_BESIDE = Path(__file__).resolve().parents[2]


def default_file() -> Path | None:
    """The file when nothing names one, or None if it does not exist."""
    # Only an installed package has this directory; nobody keeps files of their own beside it.
    installed = (_BESIDE / "guardrails" / "_data").is_dir()
    path = (Path.cwd() if installed else _BESIDE) / FILE
    return path if path.is_file() else None


def file_in_force() -> Path | None:
    """The file of exceptions that applies in this process, or None."""
    given = os.environ.get(VARIABLE)
    if given is None:
        return default_file()
    return Path(given) if given else None


def rules_for(policy: str, account: str | None, now: datetime) -> list[ExceptionRule]:
    """The rules that can cover what the policy finds in the account and have not expired; in any account when None.

    The region is not considered: a resource with a region in its ARN can be listed in other regions too. Raises
    PolicyValidationError when the file is missing or invalid; that is never read as "no exceptions".
    """
    path = file_in_force()
    if path is None:
        return []
    today: date = now.date()
    try:
        listed = read(path, today)
    except InvalidExceptions as error:
        from c7n.exceptions import PolicyValidationError

        raise PolicyValidationError(f"policy:{policy} {path}: {error}") from error
    return [rule for rule in listed.rules if rule.concerns(policy, account) and not rule.expired(now)]
