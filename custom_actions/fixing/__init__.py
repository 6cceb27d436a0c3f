"""What all fixes share: receipts with the calls that undo a fix, its steps, and fixes that answer an event."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from .confirmation import ATTEMPT, NotYet, function, wait
    from .engine import FixPlan, FixResult, Left, Step, calls, carry_out, fix_by_plan, summary
    from .event_fix import CONFIRM, LIST_OF_ROLES, OTHERWISE, EventFix, Record, check_events, events_of
    from .fix import Fix, fix_each
    from .journal import JOURNAL, interrupted
    from .receipt import RECEIPTS, Call, FixIncomplete, Outcome, finish

__getattr__, __all__ = face(
    __name__,
    confirmation=("ATTEMPT", "NotYet", "function", "wait"),
    engine=("FixPlan", "FixResult", "Left", "Step", "calls", "carry_out", "fix_by_plan", "summary"),
    event_fix=("CONFIRM", "EventFix", "LIST_OF_ROLES", "OTHERWISE", "Record", "check_events", "events_of"),
    fix=("Fix", "fix_each"),
    journal=("JOURNAL", "interrupted"),
    receipt=("Call", "FixIncomplete", "Outcome", "RECEIPTS", "finish"),
)
