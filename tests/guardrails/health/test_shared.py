"""What doctor makes of the dead-letter queue and of the table: what waits, what fights, and what nobody knows."""
from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from custom_actions.aws import SharedState
from custom_actions.fixing import History, Stop, parse
from custom_actions.fixing.bound import QUARRELS
from custom_actions.names import EVENTS_QUEUE, STATE_TABLE
from guardrails.accounts.account import Account
from guardrails.deployment import queue_attributes
from guardrails.deployment import shared as deployment
from guardrails.health.facts import Unread
from guardrails.health.reading import AccountReader, now
from guardrails.health.shared import (
    FailedEvent,
    QueueFacts,
    SharedFacts,
    TableFacts,
    failed_event,
    failed_events,
    quarrels,
    read_shared,
    shared_verdicts,
    state_table,
)
from guardrails.health.verdict import HealthState
from tests.moto_server import ACCOUNT, REGION, Moto

from .test_checks import DENIED, said, wanted

OK, BROKEN, UNKNOWN = HealthState
PORTS, RESTART = "security-group-admin-ports-revert", "cloudtrail-logging-restart"
HERE = (ACCOUNT, REGION)
NOW = datetime.fromtimestamp(1_800_000_000, UTC)
STOP = Stop("close 22", 1_800_000_000 - 60, 1_800_000_000 + 500, 3, 600, ("eve",), ("Open",))
HISTORY = History({"policy": "p", "resource": "sg-1", "account": "1", "region": "r", "role": "ours"}, (), (STOP,))
TABLE = TableFacts({"TableStatus": "ACTIVE", "SSEDescription": {"Status": "ENABLED"}}, True, [])


def queue(*failed: FailedEvent, waiting: int = 0, **attributes: str) -> QueueFacts:
    return QueueFacts(
        {**queue_attributes(*HERE), "ApproximateNumberOfMessages": str(waiting or len(failed)), **attributes}, "url",
        failed)


def test_failed_events_are_named_with_the_policies_that_hear_them() -> None:
    deployed = [wanted(PORTS), wanted(RESTART)]
    opening = FailedEvent("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", "AccessDenied")
    said(failed_events(deployed, queue(), *HERE), OK)
    said(failed_events(deployed, queue(opening, opening, FailedEvent("", "", ""), waiting=7), *HERE), BROKEN,
         f"7 failed events wait in {EVENTS_QUEUE}: 2 x AuthorizeSecurityGroupIngress for {PORTS}: AccessDenied; "
         "a message that is no event for no policy that is deployed: no error given")
    said(failed_events([*deployed, replace(wanted(PORTS), policy=wanted(RESTART).policy)], queue(opening), *HERE),
         BROKEN, f"for {PORTS} or {RESTART}: ")
    said(failed_events(deployed, replace(queue(opening), failed=DENIED), *HERE), BROKEN, "cannot be read: AccessDenied")
    remedy = failed_events(deployed, queue(opening), *HERE).remedy
    assert "guardrails replay failed.json" in remedy and "purge-queue" in remedy


def test_a_queue_that_is_missing_changed_or_unreadable() -> None:
    said(failed_events([], None, *HERE), BROKEN, "does not exist")
    said(failed_events([], DENIED, *HERE), UNKNOWN)
    said(failed_events([], queue(Policy="{}"), *HERE), BROKEN, "differs in Policy")


@pytest.mark.parametrize("message", [
    {}, {"Body": "[]"}, {"Body": "[" * 50_000}, {"Body": '{"detail": 7}'}, {"Body": '{"detail": {"eventName": {}}}'}])
def test_any_message_is_taken(message: dict[str, Any]) -> None:
    said(failed_events([], queue(failed_event(message)), *HERE), BROKEN, "1 failed events wait")


def test_events_that_eventbridge_could_not_deliver_name_their_rule() -> None:
    failed = failed_event({"Body": json.dumps({"detail": {"eventName": "StopLogging"}}), "MessageAttributes": {
        "RULE_ARN": {"StringValue": f"arn:aws:events:{REGION}:1:rule/custodian-{RESTART}"},
        "ERROR_MESSAGE": {"StringValue": "no permission"}}})
    said(failed_events([], queue(failed), *HERE), BROKEN, f"StopLogging for {RESTART}: no permission")


@pytest.mark.parametrize(("table", "state", "part"), [
    (TABLE, OK, ""), (None, BROKEN, "does not exist"), (DENIED, UNKNOWN, "AccessDenied"),
    (replace(TABLE, table={"TableStatus": "ACTIVE"}), BROKEN, "not encrypted"),
    (replace(TABLE, table={**TABLE.table, "TableStatus": "DELETING"}), BROKEN, "DELETING"),
    (replace(TABLE, expires=False), BROKEN, "never expire"), (replace(TABLE, expires=DENIED), UNKNOWN, "AccessDenied"),
])
def test_the_table(table: Any, state: HealthState, part: str) -> None:
    said(state_table(table), state, part)


@pytest.mark.parametrize(("table", "state", "part"), [
    (TABLE, OK, ""), (None, UNKNOWN, "does not exist"), (DENIED, UNKNOWN, ""),
    (replace(TABLE, histories=DENIED), UNKNOWN, "AccessDenied"),
    (replace(TABLE, histories=[HISTORY]), BROKEN, "1 in the last day: p on sg-1 in account 1, r, since 2027-01-15 "
     "07:59:00Z: stopped: 'close 22' was done 3 times in 10 minutes by ours, and each time undone by eve (Open); "),
    (replace(TABLE, histories=[replace(HISTORY, stops=(replace(STOP, at=STOP.at - 90_000),))]), OK, ""),
    (replace(TABLE, histories=[HISTORY] * 6), BROKEN, "; and 2 others"),
    # An item that somebody made up.
    (replace(TABLE, histories=[replace(HISTORY, about={})]), BROKEN, "? on ? in account ?, ?"),
])
def test_quarrels_of_the_last_day_are_listed(table: Any, state: HealthState, part: str) -> None:
    said(quarrels(table, NOW), state, part)


def test_both_are_read_and_nothing_is_taken_away(moto: Moto) -> None:
    account = Account(ACCOUNT, "red", (REGION,))
    reader = AccountReader(account, REGION, now())
    assert read_shared(reader) == SharedFacts(None, None)
    plan = lambda: deployment.plan([(account, REGION)])  # noqa: E731
    deployment.deploy(plan(), plan)
    said_now = [verdict.state for verdict in shared_verdicts([wanted(PORTS)], read_shared(reader), *HERE, now())]
    assert said_now == [OK] * 3

    sqs = moto.client("sqs")
    url = sqs.get_queue_url(QueueName=EVENTS_QUEUE)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(
        {"detail": {"eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress"}}),
        MessageAttributes={"ErrorMessage": {"DataType": "String", "StringValue": "denied"}})
    state = SharedState(moto.client("dynamodb"))
    history = replace(HISTORY, stops=(replace(STOP, at=int(time.time()), until=int(time.time()) + 600),))
    assert state.write(f"{QUARRELS}x", history.text(), version=None, keep=now() - now().replace(hour=0))
    moto.client("dynamodb").put_item(
        TableName=STATE_TABLE, Item={"key": {"S": "told/x"}, "text": {"S": history.text()}})
    for _ in range(2):
        facts = read_shared(reader)
        assert not isinstance(facts.queue, Unread) and facts.queue is not None
        assert facts.queue.failed == [FailedEvent("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", "denied")]
        assert not isinstance(facts.table, Unread) and facts.table is not None
        assert facts.table.histories == [parse(history.text())]
        found = [verdict.state for verdict in shared_verdicts([wanted(PORTS)], facts, *HERE, now())]
        assert found == [BROKEN, OK, BROKEN]
