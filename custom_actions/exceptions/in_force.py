"""The exceptions that hold in this process.

The file is the one that the variable GUARDRAILS_EXCEPTIONS names (empty: none), else `exceptions.yml` beside the
package's directory, when it is there.
"""
from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path

from c7n.exceptions import PolicyValidationError

from .rules import FILE, VARIABLE, ExceptionRule, InvalidExceptions, read

_DEFAULT = Path(__file__).resolve().parents[2] / FILE


def file_in_force() -> Path | None:
    """The file of exceptions that holds in this process, or None."""
    given = os.environ.get(VARIABLE)
    if given is None:
        return _DEFAULT if _DEFAULT.is_file() else None
    return Path(given) if given else None


def rules_for(policy: str, account: str | None, now: datetime) -> list[ExceptionRule]:
    """The rules of the file in force that can cover what the policy finds in the account, and have not ended.

    Without an account: in any. A region is no reason to leave one out: what has a region in its ARN is shown in other
    regions, too. Raises PolicyValidationError when the file is not there, or says what must not be used: never "no
    exceptions".
    """
    path = file_in_force()
    if path is None:
        return []
    today: date = now.date()
    try:
        listed = read(path, today)
    except InvalidExceptions as error:
        raise PolicyValidationError(f"policy:{policy} {path}: {error}") from error
    return [rule for rule in listed.rules if rule.concerns(policy, account) and not rule.expired(now)]
