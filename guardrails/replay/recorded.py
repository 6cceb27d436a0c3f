"""Recorded events in every common form, converted to the form that a policy's function receives.

An event can come from a CloudTrail file, from `aws cloudtrail lookup-events`, from EventBridge, from a function's log,
from a dead-letter queue (`aws sqs receive-message`), or from AWS Config's history of a resource. c7n needs one of two
forms: EventBridge's envelope or AWS Config's invocation.
"""
from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from custom_actions.fixing import POLICY_KEY
from custom_actions.functions import unwrapped

from ..errors import GuardrailsError
from ..inputfile import CannotRead, read_bytes
from ..limits import FILE_BYTES, UNZIPPED_BYTES

_FORMS = (
    "an EventBridge event, a CloudTrail record, a CloudTrail file (Records), the response of lookup-events (Events), "
    "the response of SQS's receive-message (Messages), "
    "an AWS Config invocation (invokingEvent), notification or configuration item (configurationItems)"
)
_SIGN_IN = "signin.amazonaws.com"
_ITEM_CHANGED = "ConfigurationItemChangeNotification"


@dataclass(frozen=True)
class RecordedEvent:
    """One event."""

    event: Mapping[str, Any]
    """The event as a function receives it."""
    where: str
    """The file, and the event's number if the file contains several."""

    @property
    def notification(self) -> Mapping[str, Any] | None:
        """AWS Config's notification; None for an event of EventBridge."""
        text = self.event.get("invokingEvent")
        return json.loads(text) if isinstance(text, str) else None

    @property
    def item(self) -> Mapping[str, Any]:
        """AWS Config's item, or the summary of an item that is too large; empty for other events."""
        notification = self.notification or {}
        return notification.get("configurationItem") or notification.get("configurationItemSummary") or {}

    @property
    def account(self) -> str:
        """The account in which it happened; empty when the event does not contain it."""
        detail = self.event.get("detail") or {}
        return str(
            self.item.get("awsAccountId") or self.event.get("accountId") or self.event.get("account")
            or detail.get("recipientAccountId") or (detail.get("userIdentity") or {}).get("accountId") or "")

    @property
    def region(self) -> str:
        """The region in which it happened; empty when the event does not contain it."""
        detail = self.event.get("detail") or {}
        return str(self.item.get("awsRegion") or self.event.get("region") or detail.get("awsRegion") or "")

    @property
    def title(self) -> str:
        """What happened, on one line."""
        if self.notification is not None:
            what = " ".join(str(self.item.get(key, "")) for key in ("resourceType", "resourceId")).strip()
            title = f"{self.notification.get('messageType')} {what}".strip()
        else:
            detail = self.event.get("detail") or {}
            identity = detail.get("userIdentity") or {}
            who = identity.get("arn") or identity.get("invokedBy") or identity.get("principalId")
            title = str(detail.get("eventName") or self.event.get("detail-type"))
            title += f" by {who}" if who else ""
            if detail.get("errorCode"):
                title += f", which AWS refused ({detail['errorCode']})"
        return title + (f", {self.account}" if self.account else "") + (f" {self.region}" if self.region else "")


def read_events(path: Path) -> list[RecordedEvent]:
    """Every event of a file of plain or gzipped JSON. Raises GuardrailsError when it contains no event."""
    try:
        content = read_bytes(path, FILE_BYTES)
        data = json.loads(_unzipped(content) if content[:2] == b"\x1f\x8b" else content)
    except CannotRead as error:
        raise GuardrailsError(f"{path}: cannot be read: {error}", f"it must contain {_FORMS}") from None
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise GuardrailsError(f"{path}: cannot be read as JSON: {error}", f"it must contain {_FORMS}") from None
    try:
        events = list(_events(data))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise GuardrailsError(f"{path}: not a recorded event: {error}", f"it must contain {_FORMS}") from None
    if not events:
        raise GuardrailsError(f"{path}: contains no event", f"it must contain {_FORMS}")
    one = len(events) == 1
    return [RecordedEvent(event, str(path) if one else f"{path} #{number}") for number, event in enumerate(events, 1)]


def _unzipped(content: bytes) -> bytes:
    """The content of a gzipped file. Raises ValueError if it is larger than UNZIPPED_BYTES."""
    with gzip.open(BytesIO(content)) as file:
        text = file.read(UNZIPPED_BYTES + 1)
    if len(text) > UNZIPPED_BYTES:
        raise ValueError(f"unzipped, it has more than {UNZIPPED_BYTES} bytes")
    return text


def _events(data: Any) -> Iterator[Mapping[str, Any]]:
    """The events in one JSON value. Raises ValueError for a value that is no event."""
    if isinstance(data, list):
        for each in data:
            yield from _events(each)
        return
    if not isinstance(data, Mapping):
        raise ValueError(f"expected an event, got {type(data).__name__}")
    # A function of many policies gets the event with the name of one of them.
    data = {key: value for key, value in unwrapped(data).items() if key != POLICY_KEY}
    if "Records" in data:
        for record in data["Records"]:
            yield from _events(json.loads(record["Sns"]["Message"]) if "Sns" in record else record)
    elif "Events" in data:
        for listed in data["Events"]:
            yield from _events(json.loads(listed["CloudTrailEvent"]))
    elif "Messages" in data:
        # Failed events in a dead-letter queue.
        for message in data["Messages"]:
            yield from _events(json.loads(message["Body"]))
    elif "configurationItems" in data:
        for item in data["configurationItems"]:
            yield _invocation({"messageType": _ITEM_CHANGED, "configurationItem": _item(item)}, item)
    elif "invokingEvent" in data:
        inside = data["invokingEvent"]
        text = inside if isinstance(inside, str) else json.dumps(inside)
        if not isinstance(json.loads(text), Mapping):  # read again by `RecordedEvent.notification`
            raise ValueError("invokingEvent must be a JSON object")
        yield {**data, "invokingEvent": text}
    elif "messageType" in data:
        yield _invocation(data, data.get("configurationItem") or data.get("configurationItemSummary") or {})
    elif "resourceType" in data and ("configuration" in data or "configurationItemStatus" in data):
        yield _invocation({"messageType": _ITEM_CHANGED, "configurationItem": _item(data)}, data)
    elif "detail-type" in data and isinstance(data.get("detail"), Mapping):
        yield data
    elif "eventName" in data and "eventSource" in data:
        yield _envelope(data)
    else:
        raise ValueError(f"unknown keys {', '.join(sorted(map(str, data))[:8])}" if data else "the object is empty")


def _invocation(notification: Mapping[str, Any], item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event with which AWS Config invokes a rule's function."""
    return {
        "invokingEvent": json.dumps(notification, default=str), "resultToken": "replay", "eventLeftScope": False,
        "accountId": item.get("awsAccountId") or item.get("accountId") or "", "configRuleName": "replay",
    }


def _item(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """An item as in a notification; get-resource-config-history uses other names for some keys."""
    found = dict(item)
    for theirs, ours in (("accountId", "awsAccountId"), ("arn", "ARN"), ("version", "configurationItemVersion")):
        if theirs in found:
            found.setdefault(ours, found[theirs])
    found.setdefault("configurationItemStatus", "OK")
    found.setdefault("configurationItemCaptureTime", "")
    found.setdefault("supplementaryConfiguration", {})
    return found


def _envelope(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The EventBridge event of a CloudTrail record."""
    source = str(record["eventSource"])
    kind = {"AwsServiceEvent": "AWS Service Event via CloudTrail"}.get(
        str(record.get("eventType")), "AWS API Call via CloudTrail")
    return {
        "version": "0", "id": str(record.get("eventID") or ""),
        "detail-type": "AWS Console Sign In via CloudTrail" if source == _SIGN_IN else kind,
        "source": f"aws.{source.partition('.')[0]}",
        "account": str(record.get("recipientAccountId") or ""), "region": str(record.get("awsRegion") or ""),
        "time": str(record.get("eventTime") or ""), "resources": [], "detail": dict(record),
    }
