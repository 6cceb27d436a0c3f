"""A recorded event, and what each policy would make of it."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .dry_run import ReplayResult, replay
    from .recorded import RecordedEvent, read_events

__getattr__, __all__ = face(
    __name__,
    dry_run=("ReplayResult", "replay"),
    recorded=("RecordedEvent", "read_events"),
)
