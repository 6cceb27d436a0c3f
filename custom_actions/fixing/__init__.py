"""What all fixes share: receipts with the calls that undo a fix, its steps, and fixes that answer an event."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from .event_fix import OTHERWISE, EventFix, Fixed, Record, check_events, events_of
    from .receipt import RECEIPTS, Call, FixIncomplete, Outcome, Receipt, finish, receipt_of
    from .steps import Plan, Step, carry_out

__getattr__, __all__ = face(
    __name__,
    event_fix=("EventFix", "Fixed", "OTHERWISE", "Record", "check_events", "events_of"),
    receipt=("Call", "FixIncomplete", "Outcome", "RECEIPTS", "Receipt", "finish", "receipt_of"),
    steps=("Plan", "Step", "carry_out"),
)
