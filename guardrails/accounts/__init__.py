"""The accounts that a verb works on, how to get into them, and what functions may do there.

Imports the ground only.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .account import AWS_ERRORS, Account, Accounts, accounts_file, find_accounts, listed_accounts, reason_of
    from .regions import account_region
    from .response import KEY, Response, has_responder, healing, refuse_other_words, response_of

__getattr__, __all__ = face(
    __name__,
    account=("AWS_ERRORS", "Account", "Accounts", "accounts_file", "find_accounts", "listed_accounts", "reason_of"),
    regions=("account_region",),
    response=("KEY", "Response", "has_responder", "healing", "refuse_other_words", "response_of"),
)
