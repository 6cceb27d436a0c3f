"""A fix that somebody undoes again and again: the table that its instances share, the alert, and what goes on."""
from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from custom_actions.aws import AWS_ERRORS, SharedState, forget_states, state_of
from custom_actions.fixing import function
from custom_actions.fixing.alerting import forget
from custom_actions.fixing.bound import QUARRELS, QuarrelGate, held_by
from custom_actions.fixing.engine import FixResult, Step, carry_out
from custom_actions.fixing.quarrel import QuarrelLimit, parse
from custom_actions.fixing.receipt import Call, FixIncomplete, Outcome
from custom_actions.fixing.telling import MessageNotSent, new_reports
from custom_actions.names import STATE_TABLE
from guardrails.deployment.shared import table_definition
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto
from tests.policies.harness import compliance_topic

from .cloud import Cloud, event, policy, receipts, record
from .test_event_fix import EVENTS, TELL, state

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:custodian-undo"


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a function, with nothing in its memory."""
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    monkeypatch.setattr(function, "arn", ARN)
    forget_states()
    yield
    forget_states()


@pytest.fixture
def table(moto: Moto) -> Any:
    moto.client("dynamodb").create_table(**table_definition())
    return moto.client("dynamodb")


@pytest.fixture
def key(cloud: Cloud) -> str:
    return str(cloud.client("kms").create_key()["KeyMetadata"]["KeyId"])


def disabled(cloud: Cloud, key: str, output: Path, action: Any = "revert-key", **more: Any) -> list[dict[str, Any]]:
    """Somebody disables the key, and the function answers; returns the receipts."""
    cloud.client("kms").disable_key(KeyId=key)
    engine.push(policy("kms-key", action, "kms", *EVENTS), output, event(record("DisableKey", {"keyId": key}, **more)))
    return receipts(output, "revert-key")


def answers(cloud: Cloud, key: str, output: Path, times: int, **more: Any) -> list[str]:
    return [disabled(cloud, key, output / str(number), **more)[0]["outcome"] for number in range(times)]


def test_a_quarrel_ends_with_one_alert_that_names_who_fights(
    cloud: Cloud, key: str, table: Any, tmp_path: Path
) -> None:
    action = {"type": "revert-key", "otherwise": TELL}
    with compliance_topic(cloud.client) as messages:
        outcomes = answers(cloud, key, tmp_path, 6, action=action, role="script")
    assert outcomes == ["reverted"] * 3 + ["refused"] * 3
    assert state(cloud, key) == "Disabled"
    [message] = messages
    assert message["action"]["subject"].startswith("[high]")
    [receipt] = message["resources"][0]["c7n:Receipts"]
    assert receipt["reason"].startswith(
        f"stopped: 'enable the key' was done 3 times in 10 minutes by arn:aws:sts::{ACCOUNT}:assumed-role/guardrails/"
        f"function, and each time undone by arn:aws:iam::{ACCOUNT}:role/script (DisableKey); it is not done again "
        "before ")
    # Another principal is news.
    with compliance_topic(cloud.client) as messages:
        disabled(cloud, key, tmp_path / "other", action=action, role="second")
    [message] = messages
    assert "role/script, " in message["resources"][0]["c7n:Receipts"][0]["reason"]
    assert "role/second (" in message["resources"][0]["c7n:Receipts"][0]["reason"]


def test_without_otherwise_the_policys_notify_tells_it(cloud: Cloud, key: str, table: Any, tmp_path: Path) -> None:
    data = policy("kms-key", "revert-key", "kms", *EVENTS) | {"actions": ["revert-key", TELL | {"subject": "fixed"}]}
    with compliance_topic(cloud.client) as messages:
        for number in range(6):
            cloud.client("kms").disable_key(KeyId=key)
            engine.push(data, tmp_path / str(number), event(record("DisableKey", {"keyId": key})))
    assert [message["action"]["subject"].split()[0] for message in messages] == ["fixed"] * 3 + ["[high]"]


@pytest.mark.parametrize(("limit", "outcomes"), [
    ({"reverts": 0}, ["reverted"] * 5), ({"reverts": 1, "minutes": 60}, ["reverted"] + ["refused"] * 4),
    ({"reverts": "2"}, ["reverted"] * 2 + ["refused"] * 3),
])
def test_the_policy_chooses_the_limit(
    cloud: Cloud, key: str, table: Any, tmp_path: Path, limit: dict[str, Any], outcomes: list[str]
) -> None:
    assert answers(cloud, key, tmp_path, 5, action={"type": "revert-key", "quarrel": limit}) == outcomes


def test_after_the_window_it_is_reverted_again(
    cloud: Cloud, key: str, table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answers(cloud, key, tmp_path / "now", 4)[3] == "refused"
    now = time.time()
    monkeypatch.setattr("custom_actions.fixing.bound.time.time", lambda: now + 601)
    assert answers(cloud, key, tmp_path / "later", 1) == ["reverted"]


def test_another_key_is_reverted(cloud: Cloud, key: str, table: Any, tmp_path: Path) -> None:
    answers(cloud, key, tmp_path / "one", 4)
    other = str(cloud.client("kms").create_key()["KeyMetadata"]["KeyId"])
    assert answers(cloud, other, tmp_path / "other", 1) == ["reverted"]


def test_what_changed_nothing_does_not_count(cloud: Cloud, key: str, table: Any, tmp_path: Path) -> None:
    cloud.denied.add("EnableKey")
    for number in range(5):
        with pytest.raises(FixIncomplete):
            disabled(cloud, key, tmp_path / f"denied {number}")
    cloud.denied.clear()
    assert answers(cloud, key, tmp_path, 4) == ["reverted"] * 3 + ["refused"]


def test_a_duplicate_does_not_count(cloud: Cloud, key: str, table: Any, tmp_path: Path) -> None:
    cloud.client("kms").disable_key(KeyId=key)
    made = event(record("DisableKey", {"keyId": key}))
    for number in range(6):
        engine.push(policy("kms-key", "revert-key", "kms", *EVENTS), tmp_path / str(number), made)
    assert receipts(tmp_path / "5", "revert-key")[0]["outcome"] == "already-ok"
    assert answers(cloud, key, tmp_path / "more", 3) == ["reverted"] * 2 + ["refused"]


@pytest.mark.parametrize("refused", [False, True], ids=["no table", "denied"])
def test_without_the_table_the_instance_remembers_and_says_so_once(
    cloud: Cloud, key: str, tmp_path: Path, refused: bool, caplog: pytest.LogCaptureFixture, moto: Moto
) -> None:
    if refused:
        moto.client("dynamodb").create_table(**table_definition())
        cloud.denied.update(("GetItem", "PutItem", "DeleteItem"))
    assert answers(cloud, key, tmp_path, 4) == ["reverted"] * 3 + ["refused"]
    assert sum("the table guardrails-state cannot be used" in line for line in caplog.messages) == 1


def test_outside_lambda_nothing_is_counted(
    cloud: Cloud, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(function, "arn", "")
    assert answers(cloud, key, tmp_path, 5) == ["reverted"] * 5
    assert not any(operation in ("GetItem", "PutItem") for operation, _ in cloud.calls)


def test_the_same_failure_is_told_once_a_day_and_another_at_once(
    cloud: Cloud, key: str, table: Any, tmp_path: Path
) -> None:
    action = {"type": "revert-key", "otherwise": TELL}

    def fail(where: str, key: str) -> None:
        with pytest.raises(FixIncomplete):
            disabled(cloud, key, tmp_path / where, action)

    cloud.denied.add("EnableKey")
    other = str(cloud.client("kms").create_key()["KeyMetadata"]["KeyId"])
    with compliance_topic(cloud.client) as messages:
        for where, which in (("1", key), ("2", key), ("3", other)):
            fail(where, which)
    assert [message["resources"][0]["KeyId"] for message in messages] == [key, other]


def test_what_cannot_be_read_is_told_once_and_fails_each_time(
    cloud: Cloud, key: str, table: Any, tmp_path: Path
) -> None:
    cloud.denied.add("DescribeKey")
    with compliance_topic(cloud.client) as messages:
        for number in range(3):
            with pytest.raises(AWS_ERRORS, match="DescribeKey"):
                disabled(cloud, key, tmp_path / str(number), {"type": "revert-key", "otherwise": TELL})
    [message] = messages
    assert message["action"]["subject"] == "[high] {{ policy.name }} failed on an event in {{ account_id }}"
    [resource] = message["resources"]
    [receipt] = resource["c7n:Receipts"]
    assert (resource["KeyId"], receipt["outcome"], receipt["reason"]) == (
        key, "failed", "DescribeKey: AccessDenied: no")


def test_an_alert_that_could_not_be_sent_is_sent_next_time(
    cloud: Cloud, key: str, table: Any, tmp_path: Path
) -> None:
    cloud.denied.update(("EnableKey", "Publish"))
    action = {"type": "revert-key", "otherwise": TELL}
    with compliance_topic(cloud.client) as messages:
        with pytest.raises(MessageNotSent):
            disabled(cloud, key, tmp_path / "1", action)
        cloud.denied.discard("Publish")
        with pytest.raises(FixIncomplete):
            disabled(cloud, key, tmp_path / "2", action)
    assert len(messages) == 1


# -- what carry_out does with the gate -------------------------------------------------------------------------------


def step(does: str, **more: Any) -> Step:
    return Step(does, Call("s", "o", {"what": does}), Call("s", "undo", {"what": does}), **more)


def a_gate(limit: int = 1) -> QuarrelGate:
    shared = state_of(ARN)
    assert shared is not None
    return QuarrelGate(shared, QuarrelLimit(limit, 600), {"policy": "p", "resource": "r"}, "ours", "eve", "Call")


def fix(steps: list[Step], made: list[str]) -> FixResult:
    done: set[str] = set()

    def make(one: Step) -> Any:
        for leaf in one.leaves:
            made.append(leaf.does)
            done.add(leaf.does)
        return {}

    def left() -> list[Step | str]:
        return [one for one in steps if not {leaf.does for leaf in one.leaves} <= done]

    with held_by(a_gate()):
        return carry_out(steps, make, left)


def test_only_what_is_fought_over_is_left(table: Any) -> None:
    made: list[str] = []
    assert fix([step("close 22")], made).outcome is Outcome.REVERTED
    result = fix([step("close 22"), step("close 80")], made)
    assert (result.outcome, made) == (Outcome.PARTIAL, ["close 22", "close 80"])
    assert "'close 22' was done 1 times" in result.reason and "still to do" not in result.reason
    assert [call.parameters["what"] for call in result.inverse] == ["close 80"]


def test_a_call_for_several_rules_is_split(table: Any) -> None:
    made: list[str] = []
    fix([step("close 22")], made)
    both = Step("close 2 rules", Call("s", "o", {}), parts=[step("close 22"), step("close 80")])
    assert fix([both], made).outcome is Outcome.PARTIAL
    assert made == ["close 22", "close 80"]


def test_a_chain_is_made_whole_or_not_at_all(table: Any) -> None:
    made: list[str] = []
    fix([step("close all")], made)
    result = fix([step("open 0-21", chain="narrow"), step("close all", chain="narrow"), step("close 80")], made)
    assert (result.outcome, made) == (Outcome.PARTIAL, ["close all", "close 80"])


def test_instances_at_the_same_time_stay_within_the_limit(table: Any, moto: Moto) -> None:
    """Each with memory of its own: only the table is common."""
    admitted: list[str] = []
    start = threading.Barrier(8)

    def instance() -> None:
        shared = SharedState(boto3.Session(region_name=REGION).client("dynamodb"))
        held = QuarrelGate(shared, QuarrelLimit(3, 600), {"policy": "p", "resource": "r"}, "ours", "eve", "Call")
        start.wait()
        admitted.extend(one.does for one in held.admit([step("close 22")]))

    threads = [threading.Thread(target=instance) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted == ["close 22"] * 3
    [item] = table.scan(TableName=STATE_TABLE)["Items"]
    assert item["key"]["S"].startswith(QUARRELS)
    assert len(parse(item["text"]["S"]).reverts) == 3


@pytest.mark.parametrize("item", [
    {"text": {"S": "[" * 1000}}, {"text": {"N": "7"}, "version": {"N": "3"}}, {"version": {"BOOL": True}},
], ids=["no JSON", "other types", "no text"])
def test_a_damaged_item_is_replaced(table: Any, item: dict[str, Any]) -> None:
    table.put_item(TableName=STATE_TABLE, Item={"key": {"S": a_gate().key}, **item})
    made: list[str] = []
    assert fix([step("close 22")], made).outcome is Outcome.REVERTED
    assert fix([step("close 22")], made).outcome is Outcome.REFUSED


def test_a_message_after_a_fix_repeats_no_failure_within_a_day(table: Any) -> None:
    """A Config rule evaluates the same resource again and again, and its fix refuses each time."""
    def resource(name: str, outcome: str, reason: str = "") -> dict[str, Any]:
        receipt = {"account": ACCOUNT, "region": REGION, "policy": "p", "action": "a", "resource": name,
                   "outcome": outcome, "reason": reason}
        return {"id": name, "c7n:Receipts": [receipt]}

    def told(*resources: dict[str, Any]) -> list[str]:
        return [each["id"] for each in new_reports(resources)[0]]

    assert told(resource("a", "refused", "a website"), resource("b", "reverted")) == ["a", "b"]
    assert told(resource("a", "refused", "a website"), resource("b", "reverted")) == ["b"]
    assert told(resource("a", "refused", "a log target")) == ["a"]
    assert told(resource("c", "refused", "a website")) == ["c"]
    # What could not be sent is sent the next time.
    forget(new_reports([resource("d", "failed", "denied")])[1])
    assert told(resource("d", "failed", "denied")) == ["d"]
    # A policy without a fix tells of what it matched, each time.
    assert told({"id": "x"}) == told({"id": "x"}) == ["x"]
