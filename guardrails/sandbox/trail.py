"""CloudTrail's records, their delivery to EventBridge, and LookupEvents.

Recording happens in one thread, in the order of the calls, so that no caller waits for it.
"""
from __future__ import annotations

import base64
import binascii
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .events import Call, record, resources_of

_log = logging.getLogger(__name__)
_KEPT = timedelta(days=90)
_PAGE = 50

Record = dict[str, Any]
Deliver = Callable[[str, str, Record], None]


class InvalidLookup(Exception):
    """A LookupEvents request that AWS rejects; `code` is the error's name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Trail:
    """Records calls and delivers them. `deliver(account, region, record)` puts a record on the event bus."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._history_delay = 0.0
        self._records: list[Record] = []
        self._calls: queue.Queue[Call] = queue.Queue()
        threading.Thread(target=self._work, name="trail", daemon=True).start()

    def add(self, call: Call) -> None:
        """Record `call` soon; returns at once."""
        self._calls.put(call)

    def records(self, account: str | None = None) -> list[Record]:
        """Every record so far, of one account or of all, oldest first; it includes all calls with a response."""
        self.settle()
        return [made for made in self._records if account in (None, made["recipientAccountId"])]

    def settle(self) -> None:
        """Wait until every call added so far is recorded and delivered."""
        self._calls.join()

    def delay_history(self, seconds: float) -> None:
        """Have LookupEvents answer with events of at least this age only, as on AWS, where it is some minutes late."""
        if not 0 <= seconds <= _KEPT.total_seconds():
            raise ValueError(f"a delay of {seconds} seconds")
        self._history_delay = seconds

    def clear(self) -> None:
        """Forget every record, and the delay, for a reset."""
        self.settle()
        self._records.clear()
        self._history_delay = 0.0

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            try:
                self._record(call)
            except Exception:  # noqa: BLE001 - one unreadable call must not end the recording of all later ones
                _log.exception("could not record %s %s", call.service, call.operation)
            finally:
                self._calls.task_done()

    def _record(self, call: Call) -> None:
        made = record(call)
        self._records.append(made)
        if "errorCode" not in made:
            self._deliver(call.caller.account, made["awsRegion"], made)

    def lookup(self, request: Mapping[str, Any], account: str, region: str) -> dict[str, Any]:
        """The answer to LookupEvents for one account and region, newest first. Raises InvalidLookup."""
        wanted = request.get("LookupAttributes") or []
        if len(wanted) > 1:
            raise InvalidLookup("InvalidLookupAttributesException", "You can use only one attribute")
        page = int(request.get("MaxResults") or _PAGE)
        if not 0 < page <= _PAGE:
            raise InvalidLookup("InvalidMaxResultsException", f"MaxResults must be from 1 to {_PAGE}")
        now = time.time()
        start = max(_epoch(request.get("StartTime"), 0.0), now - _KEPT.total_seconds())
        end = _epoch(request.get("EndTime"), now + 1)
        if start > end:
            raise InvalidLookup("InvalidTimeRangeException", "The start time is after the end time")
        offset = _offset(request.get("NextToken"))
        found = [
            made for made in reversed(self.records(account))
            if made["awsRegion"] == region
            and _recorded_at(made) <= now - self._history_delay
            and start <= _recorded_at(made) <= end
            and all(_has(made, attribute) for attribute in wanted)
        ]
        answer: dict[str, Any] = {"Events": [_event(made) for made in found[offset:offset + page]]}
        if len(found) > offset + page:
            answer["NextToken"] = base64.b64encode(str(offset + page).encode()).decode()
        return answer


def event_bridge_entry(made: Record) -> dict[str, Any]:
    """The EventBridge event of a record, with AWS's source."""
    return {
        "Source": f"aws.{str(made['eventSource']).partition('.')[0]}",
        "DetailType": "AWS API Call via CloudTrail",
        "Time": _recorded_at(made),
        "Resources": [],
        "Detail": json.dumps(made, default=str),
    }


def _event(made: Record) -> dict[str, Any]:
    return {
        "EventId": made["eventID"],
        "EventName": made["eventName"],
        "ReadOnly": "false",
        "AccessKeyId": made["userIdentity"]["accessKeyId"],
        "EventTime": _recorded_at(made),
        "EventSource": made["eventSource"],
        "Username": _username(made),
        "Resources": resources_of(made),
        "CloudTrailEvent": json.dumps(made, default=str),
    }


def _has(made: Record, attribute: Mapping[str, str]) -> bool:
    key, value = attribute.get("AttributeKey"), attribute.get("AttributeValue")
    values = {
        "EventId": [made["eventID"]],
        "EventName": [made["eventName"]],
        "ReadOnly": ["false"],
        "Username": [_username(made)],
        "EventSource": [made["eventSource"]],
        "AccessKeyId": [made["userIdentity"]["accessKeyId"]],
        "ResourceType": [resource["ResourceType"] for resource in resources_of(made)],
        "ResourceName": [resource["ResourceName"] for resource in resources_of(made)],
    }
    if key not in values:
        raise InvalidLookup("InvalidLookupAttributesException", f"{key} is not a lookup attribute")
    return value in values[key]


def _username(made: Record) -> str:
    return str(made["userIdentity"]["arn"]).rpartition("/")[2]


def _recorded_at(made: Record) -> float:
    return datetime.fromisoformat(made["eventTime"]).replace(tzinfo=UTC).timestamp()


def _epoch(value: Any, default: float) -> float:
    return float(value) if value is not None else default


def _offset(token: str | None) -> int:
    try:
        return int(base64.b64decode(token)) if token else 0
    except (binascii.Error, ValueError) as error:
        raise InvalidLookup("InvalidNextTokenException", "The token is not valid") from error
