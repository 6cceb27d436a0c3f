"""Whose capacity follows the demand."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.dynamodb.scaling import fixed


def scales(table: str, what: str) -> dict[str, Any]:
    return {"ResourceId": f"table/{table}", "ScalableDimension": f"dynamodb:table:{what}CapacityUnits"}


@pytest.mark.parametrize(("mode", "policies", "expected"), [
    ("PAY_PER_REQUEST", [], []),
    ("PROVISIONED", [], ["reads", "writes"]),
    (None, [], ["reads", "writes"]),
    ("PROVISIONED", [scales("t", "Read"), scales("t", "Write")], []),
    (None, [scales("t", "Read")], ["writes"]),
    (None, [scales("t", "Write")], ["reads"]),
    # Those of another table, and of an index.
    (None, [scales("t2", "Read"), scales("t2", "Write")], ["reads", "writes"]),
    (None, [scales("t/index/i", "Read"), {**scales("t", "Write"), "ScalableDimension": "dynamodb:index:Write"}],
     ["reads", "writes"]),
])
def test_what_is_fixed(mode: str | None, policies: list[dict[str, Any]], expected: list[str]) -> None:
    table = {"TableName": "t", **({"BillingModeSummary": {"BillingMode": mode}} if mode else {})}
    assert fixed(table, policies) == expected
