"""What CloudTrail's records say of a trail: which one, what a change asked for, and what stood before it."""
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
"""The events that take something from a trail which stays."""

SETTLED = timedelta(minutes=15)
"""How old a change must be to count as a state that stood.

A change younger than that may be the first step of the same attack: it is being undone by another run of ours,
whose own record has not reached the event history yet. CloudTrail's history is some minutes behind.
"""


def request_of(record: Record) -> dict[str, Any]:
    """The request in the API's spelling."""
    return dict(capitals(record.get("requestParameters") or {}))


def answer_of(record: Record) -> dict[str, Any]:
    """The answer in the API's spelling; empty where the record has none."""
    return dict(capitals(record.get("responseElements") or {}))


def arn_of(record: Record) -> str:
    """The ARN of the trail that a record is about; empty when the record does not name a trail.

    A request names the trail by its ARN or by its name; a name is one of the region and the account of the call.
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
    """The records of one trail among `records`, newest first, down to its creation.

    What is older than the creation is about an earlier trail of the same name.
    """
    for record in records:
        if arn_of(record) == arn:
            yield record
            if record.get("eventName") == CREATE:
                return


@dataclass(frozen=True)
class Before:
    """What stood before a change, as far as the earlier records tell; what is not in it is not known."""

    settings: Mapping[str, Setting] = field(default_factory=dict)
    selectors: Selectors | None = None


def before(record: Record, earlier: Iterable[Record], is_own: Callable[[Record], bool]) -> Before:
    """What stood before `record`, an UpdateTrail or a PutEventSelectors.

    A state stood when it is `SETTLED` old, when our own role put it there, or when the trail itself is younger
    than that. So two changes shortly after one another do not make the first of them the state to go back to.

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
            # Only what it asked for is our word: its answer also echoes what others had changed by then.
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
    """The state after `change`: its answer echoes the whole trail; without one, what it asked for."""
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
