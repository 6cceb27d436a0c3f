"""Whether CloudTrail's own event history confirms an event, before a fix opens something or restores settings.

EventBridge's sources cannot be forged, but anyone with `lambda:InvokeFunction` can hand any event to a function. So a
step of a fix that adds access, or that takes settings from history, is made only when the event history has the event
by its id, with the same content. The history is some minutes late (AWS: about 5, at most 15). Until then the function
has the event delivered to it again by a one-time schedule, three times at most; then the step is refused.

Steps that only take access away, or only switch a safeguard on, need no confirmation.

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
"""The key of a delivered event: how often it has been delivered before."""
DELAYS = (timedelta(minutes=3), timedelta(minutes=5), timedelta(minutes=8))
"""How long the event waits before each further delivery: 16 minutes in all."""
OLDEST = timedelta(hours=6)
"""Lambda delivers an event for six hours at most; an older one is a repetition."""
# What of a record decides what a fix does. The rest may be spelled differently in the history.
_DECISIVE = (
    "eventID", "eventName", "eventSource", "eventTime", "awsRegion", "recipientAccountId", "errorCode",
    "requestParameters", "responseElements",
)


class NotYet(Exception):
    """The event history does not have the event yet; the event will be delivered again."""


@dataclass
class Function:
    """The deployed function that this process is, if it is one."""

    arn: str = ""


function = Function()
"""Set by the function's entry point at each invocation."""


def confirm(cloudtrail: Any, event: Mapping[str, Any]) -> None:
    """Return when the event history confirms `event`.

    Args:
        cloudtrail: boto3's client, in the account and region of the event.
        event: the EventBridge event.

    Raises NotYet when the event will be delivered again, Refusal when it is not confirmed and will not be, and one of
    AWS_ERRORS.
    """
    record = detail_of(event)
    event_id, name = str(record.get("eventID") or ""), record.get("eventName")
    if not event_id:
        raise Refusal(f"the event {name} has no id, so CloudTrail's event history cannot confirm it")
    happened = datetime.fromisoformat(str(record["eventTime"]))
    if _now() - happened > OLDEST:
        raise Refusal(f"the event {name} is of {record['eventTime']}: too old to be answered")
    known = event_by_id(cloudtrail, event_id)
    if known is None:
        raise wait(event, event_id, str(name))
    if differing := [key for key in _DECISIVE if record.get(key) != known.get(key)]:
        raise Refusal(
            f"the event {event_id} is another one in CloudTrail's event history: {', '.join(differing)} differ")
    if _principal(record) != _principal(known):
        raise Refusal(f"the event {event_id} was caused by another principal, by CloudTrail's event history")


def wait(event: Mapping[str, Any], event_id: str, name: str) -> NotYet:
    """Have Lambda's `event` delivered to this function again, since the event history does not have an event yet.

    Returns what to raise. Raises Refusal when it has been delivered often enough, and one of AWS_ERRORS.
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
        f"CloudTrail's event history does not have the event {name} ({event_id}) yet: asked again in "
        f"{int(DELAYS[made].total_seconds() // 60)} minutes")


def _deliver_again(event: Mapping[str, Any], event_id: str, at: datetime) -> None:
    partition, _, region, account = function.arn.split(":")[1:5]
    key = hashlib.sha256(f"{function.arn} {event_id} {event[ATTEMPT]}".encode()).hexdigest()[:40]
    # With the function's own credentials: in a hub, the session of the policy is the member's.
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
        if code_of(error) != "ConflictException":  # another resource of the same event waits already
            raise


def _principal(record: Mapping[str, Any]) -> tuple[Any, Any]:
    identity = record.get("userIdentity") or {}
    return identity.get("arn"), identity.get("principalId")


def _now() -> datetime:
    return datetime.now(UTC)
