"""What deployed functions may do in an account: observe, heal, or leave fixes to the responder."""
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
    """Tell of what drifts, and change nothing."""
    HEAL = "heal"
    """Do what their policies say."""
    RESPOND = "respond"
    """Tell of what drifts, and leave what their policies say to the responder."""


def response_of(account: Account) -> Response:
    """What functions may do there; to observe when its entry does not say. Raises ValueError for another word."""
    return Response(account.entry.get(KEY, Response.OBSERVE))


def refuse_other_words(accounts: Iterable[Account], config: Path | None) -> None:
    """Raise GuardrailsError for an account whose entry in `config` says another word."""
    for account in accounts:
        try:
            response_of(account)
        except ValueError:
            raise GuardrailsError(
                f"{_where(account, config)}: account {account}: {KEY}: {account.entry[KEY]!r}",
                f"{KEY}: observe, {KEY}: heal, or {KEY}: respond") from None


def _where(account: Account, config: Path | None) -> str:
    if config is None:
        return "the current account"
    source = read(config)
    for index, entry in enumerate(source.data["accounts"]):
        if entry["account_id"] == account.id:
            return f"{config}:{source.line(('accounts', index, KEY))}"
    return str(config)


def healing(account: Account) -> Account:
    """The account with fixes allowed."""
    return replace(account, entry={**account.entry, KEY: Response.HEAL.value})


def has_responder(account: Account) -> bool:
    """Whether the account is to have a responder, which does what its functions only tell of."""
    return response_of(account) is Response.RESPOND
