"""What is true in AWS of a receipt, and of each step of a fix that was begun and not completed."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from custom_actions.fixing import printable

from .read_back import Comparison
from .receipt_sources import SourcedReceipt
from .rollback import observations
from .rollback_plan import AwsClients, calls_of


class TrueState(StrEnum):
    """Whether what a receipt says was done is in effect in AWS."""

    DONE = "done"
    NOT_DONE = "not done"
    PARTLY = "partly done"
    CHANGED = "changed since"
    UNREADABLE = "cannot be read"
    UNKNOWN = "cannot be compared"
    NOTHING = "nothing to undo"
    NOT_CHECKED = "not checked"


_STATES = {
    Comparison.AS_FIXED: TrueState.DONE, Comparison.BACK: TrueState.NOT_DONE, Comparison.CHANGED: TrueState.CHANGED,
    Comparison.OTHER: TrueState.CHANGED, Comparison.UNREADABLE: TrueState.UNREADABLE,
    Comparison.UNKNOWN: TrueState.UNKNOWN,
}


@dataclass(frozen=True)
class ReceiptCheck:
    """The state of a receipt in AWS, and a line for each of its calls."""

    state: TrueState
    lines: tuple[str, ...] = ()


def true_state(source: SourcedReceipt, account: str, clients: AwsClients) -> ReceiptCheck:
    """Read the resource of a receipt, and compare. Changes nothing.

    `account`: that of the credentials; receipts of other accounts are not checked.
    """
    if source.problem:
        return ReceiptCheck(TrueState.NOT_CHECKED, (printable(source.problem),))
    if source.receipt["account"] != account:
        return ReceiptCheck(TrueState.NOT_CHECKED, (f"the credentials are for {account}",))
    if not source.receipt["inverse"]:
        return ReceiptCheck(TrueState.NOTHING)
    calls = calls_of(source)
    found = {key.call: each for key, each in observations(source, clients).items()}
    states = Counter(_STATES[each.comparison] for each in found.values())
    lines = tuple(
        printable(f"{_STATES[each.comparison]}: what {calls[number].service}:{calls[number].operation} undoes"
                  + (f" ({each.detail})" if each.detail else ""))
        for number, each in found.items())
    for state in (TrueState.CHANGED, TrueState.UNREADABLE, TrueState.UNKNOWN):
        if states[state]:
            return ReceiptCheck(state, lines)
    if len(states) > 1:
        return ReceiptCheck(TrueState.PARTLY, lines)
    return ReceiptCheck(next(iter(states), TrueState.UNKNOWN), lines)
