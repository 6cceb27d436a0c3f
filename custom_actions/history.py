"""What a resource was before a change, from CloudTrail's event history.

A CloudTrail record tells what a change made of a resource, not what it was before. The earlier records tell that:
CloudTrail keeps 90 days of them for LookupEvents, free, in every region, with no trail needed.
"""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from .aws import call

PERMISSIONS = ("cloudtrail:LookupEvents",)


def earlier_events(client: Any, resource_name: str, before: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The successful events on a resource before the record `before`, newest first.

    Args:
        client: boto3's cloudtrail client, in the region of the event.
        resource_name: as CloudTrail indexes it: a group's id, a trail's ARN or name.
        before: a CloudTrail record (an EventBridge event's `detail`) with its eventTime and eventID.

    Raises ClientError. Events reach the history some minutes late, and leave it after 90 days: that nothing is
    found is no proof that nothing was there.
    """
    until = datetime.fromisoformat(before["eventTime"])
    token: dict[str, str] = {}
    while True:
        page = call(
            client.lookup_events,
            LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": resource_name}],
            EndTime=until, **token,
        )
        for entry in page["Events"]:
            record = json.loads(entry["CloudTrailEvent"])
            if record.get("eventID") != before.get("eventID") and not record.get("errorCode"):
                yield record
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}
