"""The state of a resource before a change, from CloudTrail's event history.

A CloudTrail record shows the state after a change, not the state before it. Earlier records show that: CloudTrail keeps
them for 90 days for LookupEvents, in every region, at no cost and without a trail.
"""
from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from .calls import call

PERMISSIONS = ("cloudtrail:LookupEvents",)


def earlier_events(
    client: Any, name: str, before: Mapping[str, Any], *, attribute: str = "ResourceName"
) -> Iterator[Mapping[str, Any]]:
    """The successful events before the record `before`, newest first, that have `name` as an attribute.

    Args:
        client: boto3's cloudtrail client, in the region of the event.
        name: the attribute's value, for instance a group's id, as CloudTrail indexes resources.
        attribute: one of LookupEvents' attribute keys: ResourceName, EventName, …
        before: a CloudTrail record (an EventBridge event's `detail`) with its eventTime and eventID.

    Raises one of AWS_ERRORS. Events reach the history some minutes late, and leave it after 90 days: an empty result
    does not prove that nothing happened.
    """
    until = datetime.fromisoformat(before["eventTime"])
    token: dict[str, str] = {}
    while True:
        page = call(
            client.lookup_events,
            LookupAttributes=[{"AttributeKey": attribute, "AttributeValue": name}],
            EndTime=until, **token,
        )
        for entry in page["Events"]:
            record = json.loads(entry["CloudTrailEvent"])
            if record.get("eventID") != before.get("eventID") and not record.get("errorCode"):
                yield record
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def earlier_named(client: Any, names: Sequence[str], before: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The successful events with these names before the record `before`, newest first, about any resource.

    Use it for resources that change rarely: the history may know one resource by several names, and its many read
    events would bury the few changes. Raises one of AWS_ERRORS.
    """
    streams = [earlier_events(client, name, before, attribute="EventName") for name in names]
    yield from heapq.merge(*streams, key=lambda each: str(each["eventTime"]), reverse=True)


def event_by_id(client: Any, event_id: str) -> Mapping[str, Any] | None:
    """The record of an event in CloudTrail's event history; None when the history does not have it (yet).

    Raises one of AWS_ERRORS.
    """
    page = call(
        client.lookup_events, LookupAttributes=[{"AttributeKey": "EventId", "AttributeValue": event_id}], MaxResults=1)
    for entry in page["Events"]:
        record: Mapping[str, Any] = json.loads(entry["CloudTrailEvent"])
        return record
    return None
