"""A recorded event, and what each policy would do with it."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .dry_run import PlannedAction, ReplayResult
    from .event_replays import EventReplay, ReplayRequest, read_variables, replay_events
    from .recorded import read_events

__getattr__, __all__ = face(
    __name__,
    dry_run=("PlannedAction", "ReplayResult"),
    event_replays=("EventReplay", "ReplayRequest", "read_variables", "replay_events"),
    recorded=("read_events",),
)
