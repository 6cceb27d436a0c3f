"""The block of public sharing of snapshots: what undoes it, and who sets it."""
from __future__ import annotations

import pytest

from custom_actions.elements.account.snapshots import plan_block
from custom_actions.errors import Refusal


def test_each_state_is_restored_as_it_was() -> None:
    assert not plan_block({"State": "block-all-sharing", "ManagedBy": "account"}).steps
    for state, operation, parameters in (
        ("unblocked", "disable_snapshot_block_public_access", {}),
        ("block-new-sharing", "enable_snapshot_block_public_access", {"State": "block-new-sharing"}),
    ):
        [step] = plan_block({"State": state}).steps
        assert step.call.parameters == {"State": "block-all-sharing"}
        [undo] = step.undo({})
        assert (undo.operation, undo.parameters) == (operation, parameters)


def test_a_declarative_policy_is_not_worked_around() -> None:
    with pytest.raises(Refusal, match="declarative policy"):
        plan_block({"State": "unblocked", "ManagedBy": "declarative-policy"})
    assert not plan_block({"State": "block-all-sharing", "ManagedBy": "declarative-policy"}).steps
