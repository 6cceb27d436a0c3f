"""CloudTrail: the default event selectors of a trail, and how new ones replace them."""
from __future__ import annotations

from typing import Any

from moto.cloudtrail.models import Trail

from ..moto_fixes import replaces

_DEFAULT = {
    "ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [], "ExcludeManagementEventSources": [],
}


def apply() -> None:
    """Apply the changes, once in the server's process.

    A new trail records all management events, where moto says that it records none. And a trail has basic or
    advanced selectors, never both: moto keeps the advanced ones when basic ones are put.
    """
    original_init: Any = Trail.__init__
    original_put: Any = Trail.put_event_selectors

    @replaces(Trail, "__init__")
    def init(trail: Any, *args: Any, **kwargs: Any) -> None:
        original_init(trail, *args, **kwargs)
        trail.event_selectors = [dict(_DEFAULT)]

    @replaces(Trail, "put_event_selectors")
    def put_event_selectors(trail: Any, basic: Any, advanced: Any) -> None:
        original_put(trail, basic, advanced)
        if basic:
            trail.advanced_event_selectors = []
