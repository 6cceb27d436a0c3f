"""Switching a table's encryption on: the decision, the receipt, and what goes wrong."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from c7n.exceptions import PolicyValidationError
from moto.dynamodb.exceptions import ResourceInUseException
from moto.dynamodb.responses import DynamoHandler

from custom_actions.elements.dynamodb.encryption import steps_of
from custom_actions.errors import Refusal
from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.moto_server import Moto

ACTIVE = {"TableName": "t", "TableStatus": "ACTIVE"}


@pytest.mark.parametrize("status", ["ENABLED", "ENABLING", "UPDATING"])
def test_a_table_with_a_key_is_left_alone(status: str) -> None:
    assert steps_of({**ACTIVE, "SSEDescription": {"Status": status}}, "alias/other") == []


def test_a_table_without_one_gets_it() -> None:
    [step] = steps_of(ACTIVE, "")
    assert step.call.parameters["SSESpecification"] == {"Enabled": True, "SSEType": "KMS"}
    [step] = steps_of({**ACTIVE, "SSEDescription": {"Status": "DISABLED"}}, "alias/ours")
    assert step.call.parameters["SSESpecification"]["KMSMasterKeyId"] == "alias/ours"


@pytest.mark.parametrize("status", ["CREATING", "UPDATING", "DELETING", "ARCHIVED"])
def test_a_table_that_is_not_active_is_refused(status: str) -> None:
    with pytest.raises(Refusal, match=status):
        steps_of({**ACTIVE, "TableStatus": status}, "")


@pytest.fixture
def dynamodb(moto: Moto) -> Any:
    client = moto.client("dynamodb")
    for name in ("one", "two"):
        client.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])
    return client


def encrypt(tmp_path: Path, names: list[str], **action: Any) -> list[dict[str, Any]]:
    policy = engine.load({
        "name": "p", "resource": "aws.dynamodb-table", "actions": [{"type": "set-kms-encryption", **action}],
    }, tmp_path)
    [found] = policy.resource_manager.actions
    with policy.ctx:
        return list(found.process([{"TableName": name} for name in names]))


def test_the_receipt_takes_it_back(dynamodb: Any, tmp_path: Path) -> None:
    [receipt] = encrypt(tmp_path, ["one"])
    assert (receipt["outcome"], receipt["added"][0]["SSEType"]) == ("reverted", "KMS")
    [inverse] = receipt["inverse"]
    getattr(dynamodb, inverse["operation"])(**inverse["parameters"])
    assert "SSEDescription" not in dynamodb.describe_table(TableName="one")["Table"]


def test_a_second_run_and_a_table_that_went_change_nothing(dynamodb: Any, tmp_path: Path) -> None:
    encrypt(tmp_path, ["one"])
    again, gone = encrypt(tmp_path, ["one", "none"])
    assert (again["outcome"], again["inverse"]) == ("already-ok", [])
    assert gone["outcome"] == "refused" and "ResourceNotFound" in gone["reason"]


def test_one_that_fails_keeps_no_other_from_its_key(
    dynamodb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = DynamoHandler.update_table

    def update_table(call: Any) -> Any:
        if call.body["TableName"] == "one":
            raise ResourceInUseException("busy")
        return original(call)

    monkeypatch.setattr(DynamoHandler, "update_table", update_table)
    with pytest.raises(FixIncomplete, match="one failed: UpdateTable: ResourceInUseException"):
        encrypt(tmp_path, ["one", "two"])
    assert dynamodb.describe_table(TableName="two")["Table"]["SSEDescription"]["Status"] == "ENABLED"


def test_a_change_that_does_not_show_is_not_reported_as_done(
    dynamodb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    monkeypatch.setattr(DynamoHandler, "update_table", lambda call: call.describe_table())
    with pytest.raises(FixIncomplete, match="partial: still to do: encrypt the table one"):
        encrypt(tmp_path, ["one"])


def test_a_key_that_is_none_is_refused(moto: Moto, tmp_path: Path) -> None:
    with pytest.raises(PolicyValidationError):
        encrypt(tmp_path, [], key="our key")
