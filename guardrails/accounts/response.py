"""What deployed functions may do in an account: observe, heal, or leave the fixes to the responder."""
from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .account import Account

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
    """What functions may do there; observe when its entry does not say."""
    return Response(account.entry.get(KEY, Response.OBSERVE))


def healing(account: Account) -> Account:
    """A copy of the account in which fixes may run."""
    return replace(account, entry={**account.entry, KEY: Response.HEAL.value})


def has_responder(account: Account) -> bool:
    """Whether the account has a responder, which runs the fixes of functions that only alert."""
    return response_of(account) is Response.RESPOND
