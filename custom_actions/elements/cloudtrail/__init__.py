"""CloudTrail trails: what an event changed, what the trail was before, and the plan that restores it.

`state`, `event` and `plan` are pure: no AWS, no c7n. `history` reads the earlier changes from CloudTrail, `apply`
makes the steps of a plan, and `elements` has the action `revert-trail` and the filter `deleted-trail`.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .state import SETTINGS, Selectors, answered_settings, selectors_in

__getattr__, __all__ = face(__name__, state=("SETTINGS", "Selectors", "answered_settings", "selectors_in"))
