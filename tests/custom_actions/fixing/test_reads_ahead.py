"""A fix that reads the resource again while its gate decides: the change is made on a fresh read, or not at all."""
from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from custom_actions.aws import SharedState
from custom_actions.errors import CannotRead
from custom_actions.fixing import engine
from custom_actions.fixing.bound import Gate, OpenGate, QuarrelGate, held_by
from custom_actions.fixing.engine import FixResult, Step, carry_out
from custom_actions.fixing.quarrel import QuarrelLimit
from custom_actions.fixing.receipt import Call, Outcome


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))


class Door:
    """A door that should be shut; each read says in which thread it was made, and before which change."""

    def __init__(self) -> None:
        self.open = True
        self.reads: list[tuple[str, int]] = []
        self.changes: list[str] = []

    def left(self) -> list[Step | str]:
        self.reads.append(("main" if threading.current_thread() is threading.main_thread() else "ahead",
                           len(self.changes)))
        return [SHUT] if self.open else []

    def make(self, step: Step) -> dict[str, Any]:
        self.changes.append(step.does)
        self.open = self.open and step.does != SHUT.does
        return {}


SHUT = Step("shut the door", Call("doors", "shut", {}), Call("doors", "open", {}), overwrites=True)
OIL = Step("oil the hinge", Call("doors", "oil", {}), Call("doors", "dry", {}))


class Remote:
    """A gate that is a call to AWS."""

    closed_to = ""

    def __init__(self, problem: str = "") -> None:
        self._problem = problem

    def admit(self, steps: Sequence[Step]) -> list[Step]:
        if self._problem:
            raise CannotRead(self._problem)
        return list(steps)

    def left(self, remaining: Sequence[Step | str]) -> list[Step | str]:
        return list(remaining)

    def settle(self, made: Sequence[Step]) -> None:
        """Nothing was claimed."""


def fix(door: Door, gate: Gate, *steps: Step, ahead: bool = True) -> FixResult:
    with held_by(gate):
        return carry_out(steps or (SHUT,), door.make, door.left, reads_ahead=ahead)


def test_the_read_before_the_change_is_made_while_the_gate_decides() -> None:
    door = Door()
    assert fix(door, Remote()).outcome is Outcome.REVERTED
    assert door.reads == [("ahead", 0), ("main", 1)]
    assert door.changes == ["shut the door"]


@pytest.mark.parametrize(("gate", "ahead"), [(Remote(), False), (OpenGate(), True)], ids=["a fix", "no gate"])
def test_else_it_is_made_directly_before_the_change(gate: Gate, ahead: bool) -> None:
    door = Door()
    assert fix(door, gate, ahead=ahead).outcome is Outcome.REVERTED
    assert door.reads == [("main", 0), ("main", 1)]


def test_a_read_that_is_too_old_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_FRESH_SECONDS", 0.0)
    door = Door()
    assert fix(door, Remote()).outcome is Outcome.REVERTED
    assert door.reads == [("ahead", 0), ("main", 0), ("main", 1)]


def test_what_someone_else_has_done_by_then_is_not_done_again() -> None:
    door = Door()
    door.open = False
    assert fix(door, Remote()).outcome is Outcome.ALREADY_OK
    assert door.changes == []


def test_a_read_before_another_step_does_not_count_for_a_change() -> None:
    door = Door()
    assert fix(door, Remote(), OIL, SHUT).outcome is Outcome.REVERTED
    assert door.changes == ["oil the hinge", "shut the door"]
    assert ("main", 1) in door.reads, "read again after the first step, directly before the change"


def test_nothing_is_changed_when_the_gate_cannot_decide() -> None:
    door = Door()
    fixed = fix(door, Remote(problem="unknown"))
    assert (fixed.outcome, door.changes) == (Outcome.FAILED, [])
    assert "unknown" in fixed.reason


def test_nothing_is_changed_when_the_read_fails() -> None:
    door = Door()

    def left() -> list[Step | str]:
        raise CannotRead("the door is gone")

    with held_by(Remote()):
        fixed = carry_out((SHUT,), door.make, left, reads_ahead=True)
    assert (fixed.outcome, door.changes) == (Outcome.FAILED, [])
    assert "the door is gone" in fixed.reason


class Table:
    """DynamoDB's client with one item, which another instance may replace."""

    def __init__(self) -> None:
        self.item: dict[str, Any] = {}
        self.reads = 0

    def get_item(self, **_: Any) -> dict[str, Any]:
        self.reads += 1
        return {"Item": self.item} if self.item else {}

    def put_item(self, Item: dict[str, Any], **condition: Any) -> None:  # noqa: N803 - as boto3 has it
        expected = condition.get("ExpressionAttributeValues", {}).get(":version")
        if self.item.get("version") != expected:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}}, "PutItem")
        self.item = Item


def gate_of(table: Table, actor: str = "arn:aws:iam::123456789012:role/script") -> QuarrelGate:
    return QuarrelGate(SharedState(table), QuarrelLimit(2, 600), {"resource": "door"}, "ours", actor, "Open")


def test_the_history_is_read_while_the_resource_is_and_only_once() -> None:
    table, door = Table(), Door()
    with gate_of(table).reading() as gate:
        assert fix(door, gate).outcome is Outcome.REVERTED
    assert table.reads == 1


def test_a_history_that_another_instance_has_changed_meanwhile_is_read_again() -> None:
    table = Table()
    with gate_of(table).reading() as late:
        late._ahead.settle()  # type: ignore[union-attr]
        for _ in range(2):
            assert fix(Door(), gate_of(table)).outcome is Outcome.REVERTED
        door = Door()
        stopped = fix(door, late)
    assert stopped.outcome is Outcome.REFUSED
    assert door.changes == [], "three reverts together would be more than the limit"
