"""What all fixes share: their steps, the receipts with the calls that undo them, and the base classes."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from .engine import FixPlan, FixResult, Left, Step, calls, carry_out, fix_by_plan, summary
    from .event_fix import OTHERWISE, EventFix, Record, check_events, events_of
    from .fix import Fix, fix_each
    from .receipt import RECEIPTS, Call, FixIncomplete, Outcome, finish

__getattr__, __all__ = face(
    __name__,
    engine=("FixPlan", "FixResult", "Left", "Step", "calls", "carry_out", "fix_by_plan", "summary"),
    event_fix=("EventFix", "OTHERWISE", "Record", "check_events", "events_of"),
    fix=("Fix", "fix_each"),
    receipt=("Call", "FixIncomplete", "Outcome", "RECEIPTS", "finish"),
)
