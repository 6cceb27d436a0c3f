"""What all fixes share: their steps, the receipts with the calls that undo them, and the base classes."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from .alerting import STOPPED, UNANSWERED, tell_of_failure
    from .bound import QUARRELS
    from .change_settings import ChangeSettings
    from .confirmation import ATTEMPT, OLDEST, POLICY_KEY, NotYet, function, wait
    from .engine import (
        Answer,
        FixPlan,
        FixResult,
        Left,
        Make,
        Step,
        Work,
        calls,
        carry_out,
        conclude,
        fix_by_plan,
        nothing_left,
        summary,
    )
    from .event_fix import CONFIRM, LIST_OF_ROLES, EventFix, Record, check_events, events_of
    from .fix import Fix, fix_each
    from .inverses import (
        Inverse,
        again,
        all_added,
        all_removed,
        in_other_regions,
        inverse_of,
        is_account,
        is_added,
        is_api,
        is_changed_tag,
        is_function,
        is_listener,
        is_removed,
        is_topic,
        list_of_resource,
        one_id,
        one_key,
        only,
        only_in_region,
        problem,
        redo_calls,
        swapped,
        unshare,
    )
    from .journal import JOURNAL, STEP, add_line, interrupted, receipts_of
    from .quarrel import History, Stop, parse
    from .receipt import (
        FORMAT,
        RECEIPTS,
        ROLLED_BACK,
        ROLLS_BACK,
        UNDID,
        Call,
        FixIncomplete,
        Outcome,
        finish,
        new_id,
        next_sequence,
        order_of,
        printable,
    )
    from .settings_call import SETTINGS, Form, Parameters, SettingsCall, contains, same_names, shown_by
    from .subject import Subject
    from .telling import NOT_SENT, OTHERWISE, FixNotify, MessageNotSent, TellingFix

__getattr__, __all__ = face(
    __name__,
    alerting=("STOPPED", "UNANSWERED", "tell_of_failure"),
    bound=("QUARRELS",),
    change_settings=("ChangeSettings",),
    confirmation=("ATTEMPT", "NotYet", "OLDEST", "POLICY_KEY", "function", "wait"),
    engine=(
        "Answer", "FixPlan", "FixResult", "Left", "Make", "Step", "Work", "calls", "carry_out", "conclude",
        "fix_by_plan", "nothing_left", "summary",
    ),
    event_fix=("CONFIRM", "EventFix", "LIST_OF_ROLES", "Record", "check_events", "events_of"),
    fix=("Fix", "fix_each"),
    inverses=(
        "Inverse", "again", "all_added", "all_removed", "in_other_regions", "inverse_of", "is_account", "is_added",
        "is_api", "is_changed_tag", "is_function", "is_listener", "is_removed", "is_topic", "list_of_resource",
        "one_id", "one_key", "only", "only_in_region", "problem", "redo_calls", "swapped", "unshare",
    ),
    journal=("JOURNAL", "STEP", "add_line", "interrupted", "receipts_of"),
    quarrel=("History", "Stop", "parse"),
    receipt=(
        "Call", "FORMAT", "FixIncomplete", "Outcome", "RECEIPTS", "ROLLED_BACK", "ROLLS_BACK", "UNDID",
        "finish", "new_id", "next_sequence", "order_of", "printable",
    ),
    settings_call=("Form", "Parameters", "SETTINGS", "SettingsCall", "contains", "same_names", "shown_by"),
    subject=("Subject",),
    telling=("FixNotify", "MessageNotSent", "NOT_SENT", "OTHERWISE", "TellingFix"),
)
