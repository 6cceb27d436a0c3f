"""Checks the shape of a message before anything reads it: an event that cannot be understood fails, and does nothing.

AWS sends CloudTrail's records and AWS Config's notifications in a documented form. Whoever may invoke a function can
send anything. A number in place of a list would end somewhere in a filter or a fix, with a traceback that says little,
or would be read as something else. So the fields that c7n and our elements read are checked here, once, for every
policy. A field may be missing or null, as AWS sends it; a wrong type is a problem.

Sources: CloudTrail's user guide, "CloudTrail record contents" and "CloudTrail userIdentity element"; AWS Config's
developer guide, "Example Events for AWS Config Rules" and "Components of a configuration item".
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Shape = Any
"""`str`, `bool` or `dict` for such a value, a mapping for an object with some of its fields, a list for a list of them.
"""

_ROLE_SESSION = {"sessionIssuer": {"type": str, "arn": str, "principalId": str, "accountId": str, "userName": str},
                 "attributes": dict}
RECORD: Shape = {
    "eventName": str, "eventSource": str, "eventID": str, "eventTime": str, "eventType": str, "eventVersion": str,
    "awsRegion": str, "recipientAccountId": str, "sourceIPAddress": str, "userAgent": str, "errorCode": str,
    "errorMessage": str, "requestParameters": dict, "responseElements": dict, "additionalEventData": dict,
    "serviceEventDetails": dict,
    "userIdentity": {
        "type": str, "arn": str, "principalId": str, "accountId": str, "userName": str, "accessKeyId": str,
        "invokedBy": str, "sessionContext": _ROLE_SESSION,
    },
}
"""A CloudTrail record."""
ITEM: Shape = {
    "resourceType": str, "resourceId": str, "resourceName": str, "ARN": str, "awsAccountId": str, "awsRegion": str,
    "configurationItemStatus": str, "configurationItemCaptureTime": str, "relationships": [dict], "tags": dict,
    "supplementaryConfiguration": dict,
}
"""An AWS Config item in a notification."""
NOTIFICATION: Shape = {
    "messageType": str, "notificationCreationTime": str, "configurationItem": ITEM, "configurationItemSummary": ITEM,
}
CONFIG_EVENT: Shape = {
    "invokingEvent": str, "ruleParameters": str, "resultToken": str, "configRuleName": str, "accountId": str,
    "eventLeftScope": bool,
}
STATUSES = ("OK", "ResourceDiscovered", "ResourceNotRecorded", "ResourceDeleted", "ResourceDeletedNotRecorded")
_ITEM_NEEDS = ("resourceType", "resourceId", "configurationItemStatus", "configurationItemCaptureTime")
_NAMES = {str: "a string", bool: "true or false", dict: "an object"}
_SHOWN = 100
_DEPTH = 100
"""The maximum nesting of a message. CloudTrail's records have about 12 levels."""


class EventNotUnderstood(Exception):
    """An event that cannot be evaluated. Nothing was changed, and the result of the resource is unknown."""


def record_problem(record: Mapping[str, Any]) -> str:
    """Where a CloudTrail record differs from CloudTrail's form; empty if it does not."""
    return differs(record, RECORD, "detail") or (
        _list_problem(record) if record.get("eventSource") == "ec2.amazonaws.com" else "")


def notification_problem(message: Mapping[str, Any]) -> str:
    """Where an event of AWS Config for a rule differs from AWS Config's form; empty if it does not."""
    if problem := differs(message, CONFIG_EVENT, ""):
        return problem
    try:
        notification = json.loads(message["invokingEvent"])
    except (ValueError, RecursionError) as error:
        return f"invokingEvent is not JSON: {error}"
    if not isinstance(notification, Mapping):
        return "invokingEvent must be a JSON object"
    if problem := differs(notification, NOTIFICATION, "invokingEvent"):
        return problem
    for name in ("configurationItem", "configurationItemSummary"):
        if notification.get(name) and (problem := _item_problem(notification[name])):
            return f"invokingEvent.{name}{problem}"
    if notification.get("messageType") == "ScheduledNotification":
        missing = [name for name, where in (
            ("configRuleName", message), ("notificationCreationTime", notification)) if not where.get(name)]
        return f"a scheduled notification must have {' and '.join(missing)}" if missing else ""
    return ""


def too_deep(message: Any) -> bool:
    """Whether the message is nested so deeply that reading it could end the process."""
    level: list[Any] = [message]
    for _ in range(_DEPTH):
        level = [inside for each in level for inside in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: Any) -> list[Any]:
    found = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [each for each in found if isinstance(each, (Mapping, list))]


def _item_problem(item: Mapping[str, Any]) -> str:
    if missing := [name for name in _ITEM_NEEDS if not item.get(name)]:
        return f" must have {' and '.join(missing)}"
    if item["configurationItemStatus"] not in STATUSES:
        return f".configurationItemStatus is not known: {item['configurationItemStatus'][:_SHOWN]!r}"
    try:
        datetime.fromisoformat(item["configurationItemCaptureTime"])
    except ValueError:
        return f".configurationItemCaptureTime is not a time: {item['configurationItemCaptureTime'][:_SHOWN]!r}"
    return ""


def differs(value: Any, shape: Shape, where: str, *, required: bool = False) -> str:
    """The first difference between a value and its shape, with the place; empty if there is none.

    A value may be missing unless it is `required`.
    """
    if value is None:
        return f"{where} is missing" if required else ""
    if isinstance(shape, type):
        return "" if isinstance(value, shape) else f"{where} must be {_NAMES[shape]}, got {str(value)[:_SHOWN]!r}"
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} must be a list, got {str(value)[:_SHOWN]!r}"
        found = (differs(each, shape[0], f"{where}[{number}]", required=True) for number, each in enumerate(value))
        return next(filter(None, found), "")
    if not isinstance(value, Mapping):
        return f"{where} must be an object, got {str(value)[:_SHOWN]!r}"
    fields = (differs(value.get(name), inner, f"{where}.{name}" if where else name) for name, inner in shape.items())
    return next(filter(None, fields), "")


def _list_problem(record: Mapping[str, Any]) -> str:
    """Where a record of EC2 has a list that is not in EC2's form: `{"items": [{...}, ...]}`."""
    pending = [(f"detail.{name}", record.get(name)) for name in ("requestParameters", "responseElements")]
    while pending:
        where, value = pending.pop()
        if isinstance(value, list):
            pending += [(f"{where}[{number}]", each) for number, each in enumerate(value)]
        elif isinstance(value, Mapping):
            if "items" in value and (problem := differs(value["items"] or [], [dict], f"{where}.items")):
                return problem
            pending += [(f"{where}.{name}", each) for name, each in value.items()]
    return ""
