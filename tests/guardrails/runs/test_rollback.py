"""What a rollback calls: in which order, of which account, and where it stops."""
from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from guardrails.errors import GuardrailsError
from guardrails.runs.rollback import RollbackPlan, UndoCall, UndoState, read_receipts, undo

from ..conftest import HOME, RED, Cloud


def call(name: str) -> dict[str, Any]:
    return {"service": "ec2", "operation": name, "parameters": {}}


def receipt(resource: str, at: str, *inverse: Mapping[str, Any], account: str = HOME) -> dict[str, Any]:
    return {"account": account, "region": "us-east-1", "resource": resource, "at": at, "inverse": list(inverse)}


def test_the_last_fix_is_undone_first_and_each_in_its_own_order() -> None:
    plan = RollbackPlan.of([
        receipt("early", "2026-01-01", call("one"), call("two")), receipt("late", "2026-01-02", call("three")),
        {**receipt("empty", "2026-01-03"), "outcome": "refused"}])
    assert [each.operation for each in plan.calls] == ["three", "one", "two"]
    assert plan.empty == ("empty (refused)",)


@pytest.mark.parametrize("inverse", [{"service": "ec2"}, {**call("x"), "parameters": []}, "ec2:x"])
def test_an_inverse_that_is_not_a_call_is_refused(inverse: Any) -> None:
    with pytest.raises(GuardrailsError, match=r"the receipt of sg-1: .* is not a call"):
        RollbackPlan.of([receipt("sg-1", "", inverse)])


def test_calls_of_another_account_are_refused() -> None:
    plan = RollbackPlan.of([receipt("a", "", call("x")), receipt("b", "", call("x"), account=RED)])
    with pytest.raises(GuardrailsError, match=RED):
        plan.refuse_other_accounts(HOME)
    RollbackPlan.of([receipt("a", "", call("x"))]).refuse_other_accounts(HOME)


@pytest.mark.parametrize(("content", "problem"), [
    ("{", "cannot be read as JSON"), ("{}", "must be a list of receipts"), ('[{"account": "1"}]', "must be a list"),
])
def test_a_file_without_receipts_is_named(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "receipts.json"
    file.write_text(content)
    with pytest.raises(GuardrailsError, match=f"{file}: {problem}"):
        read_receipts([file])
    file.write_text(json.dumps([receipt("sg-1", "")]))
    assert [each["resource"] for each in read_receipts([file, file])] == ["sg-1", "sg-1"]


def test_the_first_failure_ends_it_and_an_unknown_operation_is_one(cloud: Cloud) -> None:
    calls = [
        UndoCall(HOME, "us-east-1", "account", "ec2", name, {}) for name in (
            "disable_ebs_encryption_by_default", "no_such_operation", "enable_ebs_encryption_by_default")]
    steps = list(undo(calls))
    assert [step.state for step in steps] == [UndoState.DONE, UndoState.FAILED, UndoState.NOT_DONE]
    assert "ec2 has no operation no_such_operation" in steps[1].reason
    assert cloud.client("ec2").get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
