"""Which scaling a table gets."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.dynamodb.auto_scaling import ScaleCapacity, plan_scaling
from custom_actions.errors import Refusal

READS, WRITES = "dynamodb:table:ReadCapacityUnits", "dynamodb:table:WriteCapacityUnits"


def table(**settings: Any) -> dict[str, Any]:
    return {"TableName": "t", "TableStatus": "ACTIVE",
            "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 8}, **settings}


def of(dimension: str, resource: str = "table/t") -> dict[str, Any]:
    return {"ResourceId": resource, "ScalableDimension": dimension}


def operations(table: Any, policies: Any, targets: Any, most: int = 100) -> list[tuple[str, str, Any]]:
    return [(step.call.operation, step.call.parameters["ScalableDimension"], step.call.parameters.get("MinCapacity"))
            for step in plan_scaling(table, policies, targets, most, 70).steps]


def test_what_the_table_has_now_is_the_least() -> None:
    assert operations(table(), [], []) == [
        ("register_scalable_target", READS, 5), ("put_scaling_policy", READS, None),
        ("register_scalable_target", WRITES, 8), ("put_scaling_policy", WRITES, None)]


def test_a_target_keeps_its_range() -> None:
    assert operations(table(), [of(READS)], [of(WRITES)]) == [("put_scaling_policy", WRITES, None)]


def test_targets_and_policies_of_other_tables_and_of_indexes_do_not_count() -> None:
    others = [of(READS, "table/tt"), of(WRITES, "table/t/index/i")]
    assert len(operations(table(), others, others)) == 4


def test_a_table_that_scales_or_is_on_demand_is_left() -> None:
    assert operations(table(), [of(READS), of(WRITES)], []) == []
    assert operations(table(BillingModeSummary={"BillingMode": "PAY_PER_REQUEST"}), [], []) == []


@pytest.mark.parametrize(("settings", "reason"), [
    ({"TableStatus": "UPDATING"}, "the table is UPDATING"),
    ({}, "its writes have 8 capacity units, more than the 7 of the policy"),
])
def test_a_table_is_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        operations(table(**settings), [], [], most=7)


@pytest.mark.parametrize(("changed", "valid"), [
    ({}, True), ({"ResourceId": "table/other"}, False), ({"ServiceNamespace": "ecs"}, False),
    ({"PolicyName": "theirs"}, False), ({"ScalableDimension": WRITES}, False),
])
def test_a_receipt_can_only_delete_what_the_fix_added(changed: dict[str, Any], *, valid: bool) -> None:
    receipt = {"resource": "t", "added": [{"ScalableDimension": READS, "PolicyName": "guardrails-reads"}]}
    call = {"ServiceNamespace": "dynamodb", "ResourceId": "table/t", "ScalableDimension": READS,
            "PolicyName": "guardrails-reads", **changed}
    assert (not ScaleCapacity.inverses[1].problem(call, receipt)) is valid
