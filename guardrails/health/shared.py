"""What realtime functions share: the dead-letter queue with the events that they failed on, and the table of quarrels.

Messages are looked at and stay in the queue. What a message or an item of the table says is printed, and nothing else
is done with it: others may have written it.
"""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from custom_actions.aws import KEY
from custom_actions.fixing import POLICY_KEY, QUARRELS, History, Stop, parse
from custom_actions.functions import unwrapped
from custom_actions.names import EVENTS_QUEUE, STATE_TABLE

from ..command import command
from ..deployment import queue_attributes, queue_differences
from ..policies import Kind
from .expectations import ExpectedFunction
from .facts import Read, Unread
from .reading import AccountReader, attempt, attempt_or
from .verdict import HealthVerdict, broken, ok, some, unknown

LISTED = timedelta(hours=24)
"""How long a quarrel is listed after it began."""
_DEPLOY = command("deploy")
_MESSAGES, _SHOWN, _CHARACTERS = 10, 4, 200
_SCAN_PAGES = 20


@dataclass(frozen=True)
class FailedEvent:
    """One message of the queue. Whoever sent it chose the texts."""

    source: str
    """The event source of the API call: `ec2.amazonaws.com`."""
    name: str
    """The name of the API call."""
    error: str
    """The function's error, or EventBridge's."""
    rule: str = ""
    """The event rule that could not deliver it; empty if a function failed on it."""
    policy: str = ""
    """The policy that it was for, if it was sent to a function of many policies."""


@dataclass(frozen=True)
class QueueFacts:
    """What was read of the dead-letter queue."""

    attributes: Mapping[str, str]
    url: str
    failed: Read[Sequence[FailedEvent]]
    """Up to ten of the messages."""

    @property
    def waiting(self) -> int:
        """The number of messages."""
        return sum(int(self.attributes.get(name) or 0) for name in (
            "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"))


@dataclass(frozen=True)
class TableFacts:
    """What was read of the state table."""

    table: Mapping[str, Any]
    """As DescribeTable returns it."""
    expires: Read[bool]
    """Whether its items expire."""
    histories: Read[Sequence[History]]


@dataclass(frozen=True)
class SharedFacts:
    """Both; None for one that does not exist."""

    queue: Read[QueueFacts | None]
    table: Read[TableFacts | None]


def read_shared(reader: AccountReader) -> SharedFacts:
    """Read the queue and the table of an account and region."""
    return SharedFacts(attempt(lambda: _queue(reader)), attempt(lambda: _table(reader)))


def _queue(reader: AccountReader) -> QueueFacts:
    sqs = reader.client("sqs")
    url = sqs.get_queue_url(QueueName=EVENTS_QUEUE)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    found = QueueFacts(attributes, url, ())
    if not found.waiting:
        return found
    # With a visibility timeout of 0, the messages stay visible for everybody.
    messages: Read[list[Any]] = attempt_or(lambda: sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=_MESSAGES, VisibilityTimeout=0,
        MessageAttributeNames=["All"]).get("Messages") or [], [])
    return QueueFacts(
        attributes, url, messages if isinstance(messages, Unread) else [failed_event(each) for each in messages])


def failed_event(message: Mapping[str, Any]) -> FailedEvent:
    """What a message says; a message that is no event has empty texts."""
    try:
        event = unwrapped(json.loads(message.get("Body") or ""))
    except (ValueError, RecursionError):
        event = None
    detail = event.get("detail") if isinstance(event, Mapping) else None
    detail = detail if isinstance(detail, Mapping) else {}
    attributes = message.get("MessageAttributes") or {}

    def attribute(*names: str) -> str:
        return next((text for name in names
                     if (text := str((attributes.get(name) or {}).get("StringValue") or ""))), "")

    # Lambda's attributes, or EventBridge's.
    addressed = str(event.get(POLICY_KEY) or "") if isinstance(event, Mapping) else ""
    return FailedEvent(
        str(detail.get("eventSource") or "")[:_CHARACTERS], str(detail.get("eventName") or "")[:_CHARACTERS],
        attribute("ErrorMessage", "ERROR_MESSAGE")[:_CHARACTERS],
        attribute("RULE_ARN").rpartition("/")[2][:_CHARACTERS], addressed[:_CHARACTERS])


def _table(reader: AccountReader) -> TableFacts:
    dynamodb = reader.client("dynamodb")
    table = dynamodb.describe_table(TableName=STATE_TABLE)["Table"]

    def expires() -> bool:
        found = dynamodb.describe_time_to_live(TableName=STATE_TABLE)["TimeToLiveDescription"]
        return found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")

    def histories() -> Read[list[History]]:
        pages = dynamodb.get_paginator("scan").paginate(
            TableName=STATE_TABLE, FilterExpression="begins_with(#key, :prefix)",
            ExpressionAttributeNames={"#key": KEY}, ExpressionAttributeValues={":prefix": {"S": QUARRELS}})
        found: list[History] = []
        for number, page in enumerate(pages, start=1):
            found += [parse(str((item.get("text") or {}).get("S") or "")) for item in page["Items"]]
            if number == _SCAN_PAGES and page.get("LastEvaluatedKey"):
                return Unread("the table is too large to be read completely")
        return found

    return TableFacts(table, attempt_or(expires, False), attempt_or(histories, []))


def uses_the_queue(deployed: ExpectedFunction) -> bool:
    """Whether the function's failed events go to the shared queue."""
    target = (deployed.settings.get("DeadLetterConfig") or {}).get("TargetArn") or ""
    return str(target).endswith(f":{EVENTS_QUEUE}")


def is_realtime(deployed: ExpectedFunction) -> bool:
    """Whether the function uses the table."""
    return deployed.policy.kind is Kind.REALTIME


def shared_verdicts(
    deployed: Sequence[ExpectedFunction], facts: SharedFacts, account: str, region: str, now: datetime
) -> list[HealthVerdict]:
    """The verdicts on both, for the deployed functions of an account and region."""
    return [
        failed_events([each for each in deployed if uses_the_queue(each)], facts.queue, account, region),
        state_table(facts.table), quarrels(facts.table, now)]


def failed_events(
    deployed: Sequence[ExpectedFunction], queue: Read[QueueFacts | None], account: str, region: str
) -> HealthVerdict:
    """Whether the queue is as `deploy` makes it, and which events wait in it."""
    if isinstance(queue, Unread):
        return unknown("failed-events", f"{EVENTS_QUEUE}: {queue.reason}")
    if queue is None:
        return broken("failed-events", f"the dead-letter queue {EVENTS_QUEUE} does not exist: events on which a "
                      "function fails are lost", _DEPLOY)
    if differing := queue_differences(queue.attributes, queue_attributes(account, region)):
        return broken("failed-events", f"the queue {EVENTS_QUEUE} differs in {', '.join(sorted(differing))}", _DEPLOY)
    if not queue.waiting:
        return ok("failed-events")
    what = f"{queue.waiting} failed events wait in {EVENTS_QUEUE}"
    remedy = (
        f"save them: aws sqs receive-message --region {region} --queue-url {queue.url} --max-number-of-messages 10 "
        f"--visibility-timeout 0 > failed.json; explain them: {command('replay failed.json')}; fix the cause and "
        f"what they left undone (docs/doctor.md); then: aws sqs purge-queue --region {region} --queue-url {queue.url}")
    if isinstance(queue.failed, Unread):
        return broken("failed-events", f"{what}; which they are cannot be read: {queue.failed.reason}", remedy)
    kinds = Counter(_named(each, deployed) for each in queue.failed)
    shown = [f"{number} x {kind}" if number > 1 else kind for kind, number in kinds.most_common(_SHOWN)]
    more = f"; and {len(kinds) - _SHOWN} other kinds" if len(kinds) > _SHOWN else ""
    return broken("failed-events", f"{what}: {'; '.join(shown)}{more}", remedy)


def _named(failed: FailedEvent, deployed: Sequence[ExpectedFunction]) -> str:
    """The event and the policies that it was for; Lambda's message does not name the function."""
    waiting = [each.policy.name for each in deployed if (failed.source, failed.name) in each.trail_events]
    addressed = failed.policy if failed.policy in {each.policy.name for each in deployed} else ""
    which = addressed or failed.rule.removeprefix("custodian-") or (
        " or ".join([some(waiting)] if len(waiting) == 1 else [", ".join(waiting[:-1]), waiting[-1]])
        if waiting else "no policy that is deployed")
    return f"{failed.name or 'a message that is no event'} for {which}: {failed.error or 'no error given'}"


def state_table(table: Read[TableFacts | None]) -> HealthVerdict:
    """Whether the table exists, is encrypted, and forgets."""
    if isinstance(table, Unread):
        return unknown("state-table", f"{STATE_TABLE}: {table.reason}")
    if table is None:
        return broken("state-table", f"the table {STATE_TABLE} does not exist: each instance of a function counts for "
                      "itself how often it fixed a resource, and repeats alerts", _DEPLOY)
    problems = []
    if (status := table.table.get("TableStatus")) not in ("ACTIVE", "UPDATING"):
        problems.append(f"it is {status}")
    if (table.table.get("SSEDescription") or {}).get("Status") not in ("ENABLED", "UPDATING"):
        problems.append("it is not encrypted with a KMS key")
    if table.expires is False:
        problems.append("its items never expire (TTL)")
    if problems:
        return broken("state-table", f"{STATE_TABLE}: {'; '.join(problems)}", _DEPLOY)
    if isinstance(table.expires, Unread):
        return unknown("state-table", f"whether items of {STATE_TABLE} expire: {table.expires.reason}")
    return ok("state-table")


def quarrels(table: Read[TableFacts | None], now: datetime) -> HealthVerdict:
    """The fixes that stopped in the last day, because somebody undid them again and again."""
    if isinstance(table, Unread):
        return unknown("quarrels", f"{STATE_TABLE}: {table.reason}")
    if table is None:
        return unknown("quarrels", f"the table {STATE_TABLE} does not exist", _DEPLOY)
    if isinstance(table.histories, Unread):
        return unknown("quarrels", f"{STATE_TABLE}: {table.histories.reason}")
    begin = (now - LISTED).timestamp()
    found = sorted(((stop, history) for history in table.histories for stop in history.stops if stop.at > begin),
                   key=lambda each: -each[0].at)
    if not found:
        return ok("quarrels")
    shown = [_quarrel(stop, history.about) for stop, history in found[:_SHOWN]]
    more = f"; and {len(found) - _SHOWN} others" if len(found) > _SHOWN else ""
    return broken(
        "quarrels", f"{len(found)} in the last day: {'; '.join(shown)}{more}",
        "find out why somebody makes the change again and again, and stop it; or allow it: an exception in "
        "exceptions.yml, or approved-roles in the policy. What is open, close by hand: docs/security.md")


def _quarrel(stop: Stop, about: Mapping[str, str]) -> str:
    since = datetime.fromtimestamp(stop.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    where = f"{about.get('resource', '?')} in account {about.get('account', '?')}, {about.get('region', '?')}"
    return f"{about.get('policy', '?')} on {where}, since {since}: {stop.text(about.get('role') or 'the fix')}"
