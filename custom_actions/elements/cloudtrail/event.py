"""CloudTrail records of a trail: which trail, what a change requested, and what the trail was before it."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .state import DEFAULT_SELECTORS, Selectors, Setting, answered_settings, capitals, requested_settings, selectors_in

Record = Mapping[str, Any]
"""A CloudTrail record, an EventBridge event's `detail`."""

CREATE, UPDATE, DELETE = "CreateTrail", "UpdateTrail", "DeleteTrail"
START, STOP, SELECT = "StartLogging", "StopLogging", "PutEventSelectors"
EVENTS = (STOP, UPDATE, SELECT)
"""The events that weaken a trail but do not delete it."""

SETTLED = timedelta(minutes=15)
"""How old a change must be so that its result counts as a settled state.

A more recent change may be the first step of the same attack. Another run may be undoing it just now, and its record
may not be in the event history yet, which is some minutes late.
"""


def request_of(record: Record) -> dict[str, Any]:
    """The request parameters in the spelling of the API."""
    return dict(capitals(record.get("requestParameters") or {}))


def answer_of(record: Record) -> dict[str, Any]:
    """The response in the spelling of the API; empty when the record has none."""
    return dict(capitals(record.get("responseElements") or {}))


def arn_of(record: Record) -> str:
    """The ARN of the trail in a record; empty when the record contains no trail.

    A request has the ARN or the name of the trail; a name refers to the region and the account of the call.
    """
    request = request_of(record)
    name = answer_of(record).get("TrailARN") or request.get("Name") or request.get("TrailName") or ""
    if not name or name.startswith("arn:"):
        return str(name)
    region = record.get("awsRegion", "")
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    account = record.get("recipientAccountId") or (record.get("userIdentity") or {}).get("accountId") or ""
    return f"arn:{partition}:cloudtrail:{region}:{account}:trail/{name}"


def changes_of(arn: str, records: Iterable[Record]) -> Iterator[Record]:
    """The records of one trail among `records`, newest first, back to its creation.

    Records before its creation are about an earlier trail of the same name.
    """
    for record in records:
        if arn_of(record) == arn:
            yield record
            if record.get("eventName") == CREATE:
                return


@dataclass(frozen=True)
class Before:
    """The state before a change, as far as earlier records show it; the rest is unknown."""

    settings: Mapping[str, Setting] = field(default_factory=dict)
    selectors: Selectors | None = None


def before(record: Record, earlier: Iterable[Record], is_own: Callable[[Record], bool]) -> Before:
    """The settled state before `record`, an UpdateTrail or a PutEventSelectors.

    A state is settled when it is `SETTLED` old, when our own role set it, or when the trail itself is younger than
    that. So after two changes in quick succession, the first of them is not the state to restore.

    Args:
        record: the change.
        earlier: the earlier changes of the same trail, newest first; read only as far as needed.
        is_own: whether our own role made a change.
    """
    selecting = record["eventName"] == SELECT
    limit = datetime.fromisoformat(record["eventTime"]) - SETTLED
    known = Before()
    young: list[Record] = []
    for change in earlier:
        name = change.get("eventName")
        if name not in (CREATE, SELECT if selecting else UPDATE):
            continue
        whole = False
        if name != CREATE and is_own(change):
            # Only its request is our decision: the response also contains what others had changed by then.
            known = _filled(known, _asked(change))
        elif datetime.fromisoformat(change["eventTime"]) <= limit:
            known = _filled(known, told_by(change))
            whole = bool(answer_of(change))
        else:
            young.append(change)
        if name == CREATE:
            if change in young:
                for each in young:
                    known = _filled(known, told_by(each))
            break
        if known.selectors if selecting else whole:
            break
    return known


def told_by(change: Record) -> Before:
    """The state after `change`: the whole trail from the response, or else what the request contains."""
    name, answer = change.get("eventName"), answer_of(change)
    if name == SELECT:
        return Before(selectors=selectors_in(answer) or selectors_in(request_of(change)))
    told = Before(answered_settings(answer)) if answer.get("TrailARN") else _asked(change)
    return Before(told.settings, DEFAULT_SELECTORS if name == CREATE else None)


def _asked(change: Record) -> Before:
    request = request_of(change)
    if change.get("eventName") == SELECT:
        return Before(selectors=selectors_in(request))
    return Before(requested_settings(request, arn_of(change)))


def _filled(known: Before, older: Before) -> Before:
    return Before({**older.settings, **known.settings}, known.selectors or older.selectors)
