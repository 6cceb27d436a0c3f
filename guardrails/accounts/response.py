"""What deployed functions may do in an account: observe, heal, or leave the fixes to the responder."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from ..errors import GuardrailsError
from ..yamlfile import read
from . import Account

KEY = "guardrails"


class Response(StrEnum):
    """What functions may do in an account."""

    OBSERVE = "observe"
    """Alert on drift, and change nothing."""
    HEAL = "heal"
    """Run the fixes of their policies."""
    RESPOND = "respond"
    """Alert on drift, and leave the fixes of their policies to the responder."""


def response_of(account: Account) -> Response:
    """What functions may do there; observe when its entry does not say. Raises ValueError for an invalid value."""
    return Response(account.entry.get(KEY, Response.OBSERVE))


def refuse_invalid_responses(accounts: Iterable[Account], config: Path | None) -> None:
    """Raise GuardrailsError for an account whose entry in `config` has an invalid value."""
    for account in accounts:
        try:
            response_of(account)
        except ValueError:
            raise GuardrailsError(
                f"{_where(account, config)}: account {account}: {KEY}: {account.entry[KEY]!r} is not valid",
                f"write {KEY}: observe, {KEY}: heal, or {KEY}: respond") from None


def _where(account: Account, config: Path | None) -> str:
    if config is None:
        return "the current account"
    source = read(config)
    for index, entry in enumerate(source.data["accounts"]):
        if entry["account_id"] == account.id:
            return f"{config}:{source.line(('accounts', index, KEY))}"
    return str(config)


def healing(account: Account) -> Account:
    """A copy of the account in which fixes may run."""
    return replace(account, entry={**account.entry, KEY: Response.HEAL.value})


def has_responder(account: Account) -> bool:
    """Whether the account has a responder, which runs the fixes of functions that only alert."""
    return response_of(account) is Response.RESPOND
