"""Confirms an event with CloudTrail's event history, before a fix adds access or restores settings.

The source of an event from EventBridge cannot be forged, but anyone with `lambda:InvokeFunction` can invoke a function
with any event. So a step of a fix that adds access, or that restores settings from history, is made only if the event
history contains the event with the same id and the same content. The history has a delay of some minutes (AWS: about 5,
at most 15). If it does not contain the event yet, the function creates a one-time schedule that delivers the event
again. After three such deliveries the step is refused.

Steps that only remove access, or only switch on a safeguard, need no confirmation.

Source: CloudTrail's LookupEvents; EventBridge Scheduler's CreateSchedule.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import ClientError

from ..aws import call, code_of, detail_of, event_by_id
from ..errors import Refusal
from ..names import REDELIVERY_PREFIX, REDELIVERY_ROLE

ATTEMPT = "guardrails-attempt"
"""The key in an event that contains how often the event was delivered again."""
DELAYS = (timedelta(minutes=3), timedelta(minutes=5), timedelta(minutes=8))
"""The delay before each further delivery of the event: 16 minutes in total."""
POLICY_KEY = "guardrails-policy"
"""The key in an event that names the policy that it is for, in a function that runs many (functions/group.py)."""
OLDEST = timedelta(hours=6)
"""Lambda retries an event for six hours at most, so an older event is a replay."""
# The fields of a record that decide what a fix does. Other fields can be written differently in the history.
_DECISIVE = (
    "eventID", "eventName", "eventSource", "eventTime", "awsRegion", "recipientAccountId", "errorCode",
    "requestParameters", "responseElements",
)


class NotYet(Exception):
    """The event history does not have the event yet; the event will be delivered again."""


@dataclass
class Function:
    """The deployed function that this process runs in; without an ARN if it runs outside Lambda."""

    arn: str = ""


function = Function()
"""The entry point sets its ARN at each invocation."""


def confirm(cloudtrail: Any, event: Mapping[str, Any]) -> None:
    """Return if the event history confirms `event`, and raise otherwise.

    Args:
        cloudtrail: the boto3 client of CloudTrail in the account and region of the event.
        event: the EventBridge event.

    Raises NotYet if the event will be delivered again, Refusal if it cannot be confirmed, and one of AWS_ERRORS if a
    call fails.
    """
    record = detail_of(event)
    event_id, name = str(record.get("eventID") or ""), record.get("eventName")
    if not event_id:
        raise Refusal(f"the event {name} has no id, so CloudTrail's event history cannot confirm it")
    if _now() - _time_of(record) > OLDEST:
        raise Refusal(f"the event {name} of {record['eventTime']} is too old to be processed")
    known = event_by_id(cloudtrail, event_id)
    if known is None:
        raise wait(event, event_id, str(name))
    if differing := [key for key in _DECISIVE if record.get(key) != known.get(key)]:
        raise Refusal(
            f"the event {event_id} differs from the one in CloudTrail's event history in {', '.join(differing)}")
    if _principal(record) != _principal(known):
        raise Refusal(f"according to CloudTrail's event history, another principal caused the event {event_id}")


def wait(event: Mapping[str, Any], event_id: str, name: str) -> NotYet:
    """Schedule another delivery of `event` to this function, because the event history does not contain it yet.

    Returns the exception to raise. Raises Refusal after the last delivery, and one of AWS_ERRORS if a call fails.
    """
    attempt = event.get(ATTEMPT)
    made = attempt if isinstance(attempt, int) and attempt >= 0 else 0
    if not function.arn:
        raise Refusal(f"CloudTrail's event history does not have the event {name} ({event_id})")
    if made >= len(DELAYS):
        waited = int(sum(DELAYS, timedelta()).total_seconds() // 60)
        raise Refusal(
            f"CloudTrail's event history does not have the event {name} ({event_id}) after {waited} minutes")
    _deliver_again({**event, ATTEMPT: made + 1}, event_id, _now() + DELAYS[made])
    return NotYet(
        f"CloudTrail's event history does not have the event {name} ({event_id}) yet: it is checked again in "
        f"{int(DELAYS[made].total_seconds() // 60)} minutes")


def _deliver_again(event: Mapping[str, Any], event_id: str, at: datetime) -> None:
    partition, _, region, account = function.arn.split(":")[1:5]
    # Two policies of one function can wait for the same event.
    waiting = " ".join(str(each) for each in (function.arn, event_id, event[ATTEMPT], event.get(POLICY_KEY)) if each)
    key = hashlib.sha256(waiting.encode()).hexdigest()[:40]
    # With the function's own credentials, because in a hub the policy's session is in the member account.
    scheduler = boto3.Session(region_name=region).client("scheduler")
    try:
        call(
            scheduler.create_schedule, Name=f"{REDELIVERY_PREFIX}{key}",
            ScheduleExpression=f"at({at.strftime('%Y-%m-%dT%H:%M:%S')})", FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={
                "Arn": function.arn, "RoleArn": f"arn:{partition}:iam::{account}:role/{REDELIVERY_ROLE}",
                "Input": json.dumps(event, default=str),
            })
    except ClientError as error:
        if code_of(error) != "ConflictException":  # already scheduled for another resource of the same event
            raise


def _time_of(record: Mapping[str, Any]) -> datetime:
    """The time of the API call. Raises Refusal if it is not valid: whoever invokes a function chooses the event."""
    given = str(record.get("eventTime"))
    try:
        time = datetime.fromisoformat(given)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise Refusal(f"the event {record.get('eventName')} has no valid time: {given}")
    return time


def _principal(record: Mapping[str, Any]) -> tuple[Any, Any]:
    identity = record.get("userIdentity") or {}
    return identity.get("arn"), identity.get("principalId")


def _now() -> datetime:
    return datetime.now(UTC)
