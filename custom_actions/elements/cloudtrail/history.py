"""The earlier changes of a trail, from CloudTrail's event history (LookupEvents: 90 days, in the home region).

The lookup is by the names of the events, not by the trail. The history indexes a trail by the name or the ARN that a
call used, so a lookup by trail would miss some. A trail's events also include every GetTrailStatus of a scanner:
thousands in 90 days, read at two pages per second, while changes of trails are rare.
"""
from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ...aws import actor_of, earlier_events
from .event import CREATE, SELECT, START, STOP, UPDATE, Record, answer_of, arn_of, changes_of, told_by
from .state import Selectors, Setting

CHANGES = (CREATE, UPDATE, SELECT, START, STOP)
"""The names of all events that create or change a trail."""


def earlier_changes(client: Any, record: Record, names: Sequence[str]) -> Iterator[Record]:
    """The successful events of these names on the trail of `record` before it, newest first.

    Args:
        client: boto3's cloudtrail client, in the region of the event.
        record: a CloudTrail record with its eventTime and eventID.
        names: names of events. Without CreateTrail, changes of an earlier trail of the same name are included.

    Raises one of AWS_ERRORS. Events reach the history some minutes late: an empty result proves nothing.
    """
    streams = [earlier_events(client, name, record, attribute="EventName") for name in names]
    # CloudTrail's times are in seconds; within a second, a trail is created before anything else happens to it.
    found = heapq.merge(*streams, key=lambda each: (each["eventTime"], each["eventName"] != CREATE), reverse=True)
    return changes_of(arn_of(record), found)


def last_known(changes: Iterable[Record]) -> dict[str, Any]:
    """The state of a trail after `changes`, newest first, as plain JSON.

    `known`: whether the settings are known. `settings`, `selectors`, `logging`, `created` and `changed` (by whom and
    when) are present as far as an event shows them.
    """
    settings: dict[str, Setting] = {}
    selectors: Selectors | None = None
    found: dict[str, Any] = {}
    for change in changes:
        name = change["eventName"]
        found.setdefault("changed", _actor(change))
        if name in (START, STOP):
            found.setdefault("logging", name == START)
            continue
        told = told_by(change)
        settings = {**told.settings, **settings}
        selectors = selectors or told.selectors
        if name == CREATE:
            # A new trail does not log yet.
            found.setdefault("logging", False)
            found["created"] = _actor(change)
        elif name == UPDATE and answer_of(change):
            found.setdefault("known", True)
    found["known"] = "created" in found or found.get("known", False)
    if settings:
        found["settings"] = settings
    if selectors:
        found["selectors"] = selectors.parameters()
    return found


def _actor(change: Record) -> dict[str, str]:
    actor = actor_of({"detail": change})
    return asdict(actor) if actor else {}
