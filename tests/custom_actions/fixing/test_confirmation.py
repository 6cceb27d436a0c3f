"""A fix adds access or restores settings only if CloudTrail's event history confirms the event."""
from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from custom_actions.fixing import confirmation
from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.moto_server import ACCOUNT, REGION

from .cloud import NOW, Cloud, event, policy, receipts, record

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:custodian-undo"


class Schedules:
    """EventBridge Scheduler, as far as it is called."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []

    def create_schedule(self, **parameters: Any) -> None:
        self.made.append(parameters)


@pytest.fixture
def schedules(monkeypatch: pytest.MonkeyPatch) -> Iterator[Schedules]:
    """In a deployed function, whose schedules are kept here."""
    found, client = Schedules(), boto3.Session.client

    def of(session: boto3.Session, service: str, *arguments: Any, **settings: Any) -> Any:
        return found if service == "scheduler" else client(session, service, *arguments, **settings)

    monkeypatch.setattr(boto3.Session, "client", of)
    monkeypatch.setattr(confirmation.function, "arn", FUNCTION)
    return found


@pytest.fixture
def key(cloud: Cloud) -> str:
    key: str = cloud.client("kms").create_key()["KeyMetadata"]["KeyId"]
    cloud.client("kms").disable_key(KeyId=key)
    return key


def enabled(cloud: Cloud, key: str) -> bool:
    return bool(cloud.client("kms").describe_key(KeyId=key)["KeyMetadata"]["Enabled"])


def run(output: Path, delivered: dict[str, Any], **action: Any) -> dict[str, Any]:
    data = policy("kms-key", {"type": "revert-key", **action}, "kms", ("DisableKey", "requestParameters.keyId"))
    engine.push(data, output, delivered)
    [receipt] = receipts(output, "revert-key")
    return receipt


def test_a_confirmed_event_is_undone(cloud: Cloud, key: str, tmp_path: Path) -> None:
    assert run(tmp_path, event(record("DisableKey", {"keyId": key})))["outcome"] == "reverted"
    assert enabled(cloud, key)


def test_an_event_that_the_history_does_not_have_yet_is_delivered_again(
    cloud: Cloud, key: str, schedules: Schedules, tmp_path: Path
) -> None:
    made = record("DisableKey", {"keyId": key})
    receipt = run(tmp_path, event(made, forged=True))
    assert (receipt["outcome"], receipt["inverse"]) == ("waiting", [])
    assert not enabled(cloud, key)
    [schedule] = schedules.made
    assert schedule["ScheduleExpression"] == f"at({(NOW + timedelta(minutes=4)).strftime('%Y-%m-%dT%H:%M:%S')})"
    assert schedule["ActionAfterCompletion"] == "DELETE"
    assert schedule["Target"]["Arn"] == FUNCTION
    assert schedule["Target"]["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/guardrails-redeliver"
    # By the time that it comes again the history has it.
    event(made)
    assert run(tmp_path, json.loads(schedule["Target"]["Input"]))["outcome"] == "reverted"
    assert enabled(cloud, key)


def test_two_policies_of_one_function_wait_for_the_same_event(
    cloud: Cloud, key: str, schedules: Schedules, tmp_path: Path
) -> None:
    delivered = event(record("DisableKey", {"keyId": key}), forged=True)
    for name in ("a", "b"):
        run(tmp_path / name, {**delivered, "guardrails-policy": name})
    assert len({schedule["Name"] for schedule in schedules.made}) == 2
    assert [json.loads(each["Target"]["Input"])["guardrails-policy"] for each in schedules.made] == ["a", "b"]


def test_it_is_refused_after_the_last_delivery(
    cloud: Cloud, key: str, schedules: Schedules, tmp_path: Path
) -> None:
    delivered = event(record("DisableKey", {"keyId": key}), forged=True)
    outcomes = []
    for _ in range(4):
        outcomes.append(run(tmp_path, delivered))
        delivered = json.loads(schedules.made[-1]["Target"]["Input"])
    assert [receipt["outcome"] for receipt in outcomes] == ["waiting", "waiting", "waiting", "refused"]
    assert "after 16 minutes" in outcomes[-1]["reason"]
    assert len({schedule["Name"] for schedule in schedules.made}) == len(schedules.made) == 3
    assert not enabled(cloud, key)


@pytest.mark.parametrize(("change", "reason"), [
    ({"eventTime": "2026-11-23T11:59:00Z"}, "event history in eventTime"),
    ({"requestParameters": {"keyId": "KEY", "more": 1}}, "event history in requestParameters"),
    ({"responseElements": {"x": 1}}, "event history in responseElements"),
    ({"eventID": "never-in-the-event-history"}, "does not have the event"),
    ({"eventID": None}, "has no id"),
    ({"eventTime": None}, "has no valid time: None"),
    ({"eventTime": "2026-99-99T00:00:00Z"}, "has no valid time: 2026-99"),
    ({"eventTime": "2026-11-23T12:00:00"}, "has no valid time: 2026-11-23T12:00:00"),
    ({"eventTime": "2026-11-23T01:00:00Z"}, "too old"),
    ({"userIdentity": {"arn": "arn:aws:iam::111111111111:user/eve"}}, "another principal"),
])
def test_an_event_that_differs_from_the_history_is_refused(
    cloud: Cloud, key: str, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    made = record("DisableKey", {"keyId": key})
    event(made)
    changed = json.loads(json.dumps({**made, **change}).replace('"KEY"', json.dumps(key)))
    receipt = run(tmp_path, event(changed, forged=True))
    assert receipt["outcome"] == "refused"
    assert reason in receipt["reason"]
    assert not enabled(cloud, key)


def test_a_history_that_cannot_be_read_confirms_nothing(cloud: Cloud, key: str, tmp_path: Path) -> None:
    cloud.denied.add("LookupEvents")
    with pytest.raises(FixIncomplete, match="could not be confirmed"):
        run(tmp_path, event(record("DisableKey", {"keyId": key})))
    assert not enabled(cloud, key)


def test_a_policy_can_switch_confirmation_off(cloud: Cloud, key: str, tmp_path: Path) -> None:
    assert run(tmp_path, event(record("DisableKey", {"keyId": key}), forged=True), confirm=False)[
        "outcome"] == "reverted"
    assert enabled(cloud, key)


def test_steps_that_need_no_confirmation_are_made_at_once(
    cloud: Cloud, key: str, schedules: Schedules, tmp_path: Path
) -> None:
    """The deletion is cancelled now; the key is enabled when the event is confirmed."""
    kms = cloud.client("kms")
    kms.enable_key(KeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    data = policy("kms-key", "revert-key", "kms", ("ScheduleKeyDeletion", "requestParameters.keyId"))
    made = record("ScheduleKeyDeletion", {"keyId": key, "pendingWindowInDays": 7})
    engine.push(data, tmp_path, event(made, forged=True))
    [receipt] = receipts(tmp_path, "revert-key")
    assert (receipt["outcome"], [undo["operation"] for undo in receipt["inverse"]]) == (
        "waiting", ["schedule_key_deletion"])
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    event(made)
    engine.push(data, tmp_path, json.loads(schedules.made[0]["Target"]["Input"]))
    assert enabled(cloud, key)
