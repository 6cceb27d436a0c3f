"""What a resource was before a change, from CloudTrail's event history.

A CloudTrail record tells what a change made of a resource, not what it was before. The earlier records tell that:
CloudTrail keeps 90 days of them for LookupEvents, free, in every region, with no trail needed.
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
    """The successful events before the record `before`, newest first, that have `name` in an attribute.

    Args:
        client: boto3's cloudtrail client, in the region of the event.
        name: for instance a group's id, as CloudTrail indexes resources.
        attribute: one of LookupEvents' attribute keys: ResourceName, EventName, …
        before: a CloudTrail record (an EventBridge event's `detail`) with its eventTime and eventID.

    Raises ClientError. Events reach the history some minutes late, and leave it after 90 days: that nothing is
    found is no proof that nothing was there.
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
    """The successful events of these names before the record `before`, newest first, whatever they are about.

    For what is changed seldom: its name in the history differs from call to call, and its readings would drown it.
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
