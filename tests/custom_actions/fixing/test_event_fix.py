"""What every fix of an event has in common, shown on `revert-key`."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from c7n.exceptions import PolicyValidationError

from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.moto_server import ACCOUNT
from tests.policies.harness import compliance_topic

from .cloud import Cloud, event, policy, receipts, record

EVENTS = (("DisableKey", "requestParameters.keyId"),)
TELL = {
    "type": "notify", "to": ["security"],
    "transport": {"type": "sns", "topic": "arn:aws:sns:{region}:{account_id}:guardrails-compliance"},
}


@pytest.fixture
def key(cloud: Cloud) -> str:
    key: str = cloud.client("kms").create_key()["KeyMetadata"]["KeyId"]
    cloud.client("kms").disable_key(KeyId=key)
    cloud.calls.clear()
    return key


def state(cloud: Cloud, key: str) -> str:
    return str(cloud.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"])


def run(tmp_path: Path, made: dict[str, Any], action: Any = "revert-key") -> None:
    engine.push(policy("kms-key", action, "kms", *EVENTS), tmp_path, event(made))


def test_the_receipt_says_what_who_and_the_way_back(cloud: Cloud, key: str, tmp_path: Path) -> None:
    made = record("DisableKey", {"keyId": key})
    run(tmp_path, made)
    assert state(cloud, key) == "Enabled"
    [receipt] = receipts(tmp_path, "revert-key")
    assert (receipt["resource"], receipt["resource_type"], receipt["outcome"]) == (key, "aws.kms-key", "reverted")
    assert (receipt["account"], receipt["policy"]) == (ACCOUNT, "undo")
    assert receipt["inverse"] == [{"service": "kms", "operation": "disable_key", "parameters": {"KeyId": key}}]
    assert receipt["caused_by"]["arn"] == made["userIdentity"]["arn"]
    assert receipt["caused_by"]["event_id"] == made["eventID"]


@pytest.mark.parametrize("more", [{"role": "guardrails"}, {"errorCode": "AccessDenied"}], ids=["our own", "refused"])
def test_what_is_our_own_or_was_refused_is_left(cloud: Cloud, key: str, tmp_path: Path, more: dict[str, str]) -> None:
    run(tmp_path, record("DisableKey", {"keyId": key}, **more))
    assert cloud.changes() == []
    assert state(cloud, key) == "Disabled"


def test_another_accounts_role_of_our_name_is_not_ours(cloud: Cloud, key: str, tmp_path: Path) -> None:
    made = record("DisableKey", {"keyId": key}, role="guardrails")
    made["userIdentity"] = {"type": "AssumedRole", "arn": "arn:aws:sts::999988887777:assumed-role/guardrails/x"}
    run(tmp_path, made)
    assert state(cloud, key) == "Enabled"


def test_who_is_told_hears_of_what_was_not_put_right(cloud: Cloud, key: str, tmp_path: Path) -> None:
    cloud.denied.add("EnableKey")
    with compliance_topic(cloud.client) as messages, pytest.raises(FixIncomplete, match="AccessDenied"):
        run(tmp_path, record("DisableKey", {"keyId": key}), {"type": "revert-key", "otherwise": TELL})
    [message] = messages
    [told] = message["resources"]
    assert told["KeyId"] == key
    assert told["c7n:Receipts"][0]["outcome"] == "failed"
    assert message["event"]["detail"]["eventName"] == "DisableKey"
    # The receipt is written though the function fails.
    assert receipts(tmp_path, "revert-key")[0]["outcome"] == "failed"


@pytest.mark.parametrize(("more", "told"), [
    ({}, [["reverted"]]), ({"role": "guardrails"}, []), ({"errorCode": "AccessDenied"}, []),
], ids=["put right", "our own", "refused"])
def test_a_notify_after_the_fix_hears_of_what_it_put_right(
    cloud: Cloud, key: str, tmp_path: Path, more: dict[str, str], told: list[list[str]],
) -> None:
    data = policy("kms-key", "revert-key", "kms", *EVENTS) | {"actions": ["revert-key", TELL]}
    with compliance_topic(cloud.client) as messages:
        engine.push(data, tmp_path, event(record("DisableKey", {"keyId": key}, **more)))
    assert [[receipt["outcome"] for receipt in resource["c7n:Receipts"]]
            for message in messages for resource in message["resources"]] == told


def test_what_otherwise_has_told_is_not_told_again(cloud: Cloud, tmp_path: Path) -> None:
    key = cloud.client("kms").create_key()["KeyMetadata"]["KeyId"]
    data = policy("kms-key", "revert-key", "kms", *EVENTS)
    data["actions"] = [{"type": "revert-key", "otherwise": TELL | {"subject": "not"}}, TELL | {"subject": "fixed"}]
    # The key is enabled: a second event finds nothing to do.
    with compliance_topic(cloud.client) as messages:
        engine.push(data, tmp_path, event(record("DisableKey", {"keyId": key})))
    assert messages == []
    cloud.client("kms").schedule_key_deletion(KeyId=key)
    cloud.denied.add("CancelKeyDeletion")
    with compliance_topic(cloud.client) as messages, pytest.raises(FixIncomplete):
        engine.push(data | {"mode": data["mode"] | {"events": [
            {"source": "kms.amazonaws.com", "event": "ScheduleKeyDeletion", "ids": "requestParameters.keyId"}]}},
            tmp_path, event(record("ScheduleKeyDeletion", {"keyId": key})))
    assert [message["action"]["subject"] for message in messages] == ["not"]


def test_nobody_is_told_of_what_was_put_right(cloud: Cloud, key: str, tmp_path: Path) -> None:
    with compliance_topic(cloud.client) as messages:
        run(tmp_path, record("DisableKey", {"keyId": key}), {"type": "revert-key", "otherwise": TELL})
    assert messages == []


@pytest.mark.parametrize(("data", "said"), [
    ({"name": "x", "resource": "aws.kms-key", "actions": ["revert-key"]}, "needs a policy in mode cloudtrail"),
    (policy("kms-key", "revert-key", "kms", ("CreateGrant", "requestParameters.keyId")), "not on CreateGrant"),
])
def test_it_is_refused_where_it_cannot_work(cloud: Cloud, tmp_path: Path, data: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicyValidationError, match=said):
        engine.load(data, tmp_path)
