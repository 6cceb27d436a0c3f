"""The table of scenarios, and what they share."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..cloud import Cloud
from ..faults import Drift

DRIFTS: dict[tuple[str, str, str], Callable[[Cloud], Drift]] = {}
"""By resource type, action, and which of several drifts of this action it is."""

ONE_EVENT = "an event is about one resource"
ONE_A_REGION = "a region has one"
ONE_AN_ACCOUNT = "an account has one"


def drifts(resource: str, action: str, which: str = "") -> Callable[[Any], Any]:
    def add(make: Callable[[Cloud], Drift]) -> Callable[[Cloud], Drift]:
        DRIFTS[resource, action, which] = make
        return make

    return add


def pulled(resource: str, action: Any, *filters: Any) -> dict[str, Any]:
    return {"name": "undo", "resource": f"aws.{resource}", "filters": list(filters), "actions": [action]}


def described(found: Mapping[str, Any]) -> dict[str, Any]:
    """A description of RDS without what changes by itself: moto's latest restorable time is always now."""
    return {key: value for key, value in found.items() if key != "LatestRestorableTime"}
