"""What is done about streams that are not encrypted or that keep their records for too short a time."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.kinesis.encryption import plan_data_stream, plan_delivery_stream
from custom_actions.elements.kinesis.retention import plan_retention
from custom_actions.errors import Refusal
from custom_actions.fixing import FixPlan


def stream(status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    return {"StreamName": "s", "StreamStatus": status, "EncryptionType": "NONE", "RetentionPeriodHours": 24, **more}


def delivery(status: str = "ACTIVE", encryption: str = "", kind: str = "DirectPut") -> dict[str, Any]:
    found = {"DeliveryStreamName": "s", "DeliveryStreamStatus": status, "DeliveryStreamType": kind}
    return {**found, **({"DeliveryStreamEncryptionConfiguration": {"Status": encryption}} if encryption else {})}


def test_an_encrypted_data_stream_stays_whatever_its_key() -> None:
    assert plan_data_stream(stream(EncryptionType="KMS", KeyId="theirs"), again=False) == FixPlan()


@pytest.mark.parametrize("status", ["CREATING", "DELETING", "UPDATING"])
def test_a_stream_that_is_not_active_is_refused(status: str) -> None:
    for planned in (lambda: plan_data_stream(stream(status), again=False),
                    lambda: plan_retention(stream(status), 168, again=False)):
        with pytest.raises(Refusal, match=f"the stream is {status}"):
            planned()


def test_an_update_after_the_call_is_ours() -> None:
    assert plan_data_stream(stream("UPDATING"), again=True) == FixPlan()
    assert plan_retention(stream("UPDATING"), 168, again=True) == FixPlan()
    # Without one, AWS does not show it yet, or has not done it.
    assert plan_data_stream(stream(), again=True).steps
    with pytest.raises(Refusal):
        plan_data_stream(stream("DELETING"), again=True)


@pytest.mark.parametrize("encryption", ["ENABLED", "ENABLING"])
def test_an_encrypted_delivery_stream_stays(encryption: str) -> None:
    assert plan_delivery_stream(delivery(encryption=encryption)) == FixPlan()


@pytest.mark.parametrize("encryption", ["", "DISABLED", "DISABLING_FAILED", "ENABLING_FAILED"])
def test_a_plain_delivery_stream_is_encrypted(encryption: str) -> None:
    [step] = plan_delivery_stream(delivery(encryption=encryption)).steps
    assert step.call.parameters["DeliveryStreamEncryptionConfigurationInput"] == {"KeyType": "AWS_OWNED_CMK"}


@pytest.mark.parametrize("found", [
    delivery("CREATING"), delivery(encryption="DISABLING"), delivery(kind="KinesisStreamAsSource")])
def test_a_delivery_stream_that_cannot_be_changed_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        plan_delivery_stream(found)


@pytest.mark.parametrize(("hours", "raised"), [(24, True), (167, True), (168, False), (8760, False)])
def test_a_retention_period_is_only_raised(hours: int, raised: bool) -> None:
    steps = plan_retention(stream(RetentionPeriodHours=hours), 168, again=False).steps
    assert [step.call.parameters["RetentionPeriodHours"] for step in steps] == ([168] if raised else [])
    assert [call.parameters["RetentionPeriodHours"] for step in steps for call in step.undo({})] == (
        [hours] if raised else [])
