"""Carrying a plan out: what is undone in which order, and how it ends when AWS does not play along."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from custom_actions.fixing.receipt import Call, Outcome
from custom_actions.fixing.steps import Plan, Step, carry_out


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0, 0.0))


class Lamps:
    """A service with lamps that should be lit; some cannot be, some only later."""

    def __init__(self, *dark: str, broken: str = "", answers: Mapping[str, Any] | None = None) -> None:
        self.dark, self.broken, self.answers = set(dark), broken, answers or {}
        self.stale = 0
        self.unreadable = False

    def light(self, Lamp: str) -> Mapping[str, Any]:  # noqa: N803 - as boto3 has it
        if Lamp == self.broken:
            raise ClientError({"Error": {"Code": "Broken", "Message": "burnt out"}}, "Light")
        if Lamp == "strange":
            raise ParamValidationError(report="no such lamp")
        if not self.answers.get("Unsuccessful"):
            self.dark.discard(Lamp)
        return self.answers

    def plan(self, cannot: str = "") -> Plan:
        if self.unreadable:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Look")
        dark = {"a"} if self.stale > 0 else self.dark
        self.stale -= 1
        return Plan([step(lamp) for lamp in sorted(dark)], cannot)


def step(lamp: str) -> Step:
    return Step(f"light {lamp}", Call("lamps", "light", {"Lamp": lamp}), Call("lamps", "dim", {"Lamp": lamp}),
                removed={lamp: "dark"}, added={lamp: "lit"})


def test_all_goes_well_and_the_way_back_is_from_the_last_to_the_first() -> None:
    lamps = Lamps("a", "b")
    fixed = carry_out(lambda service: lamps, lamps.plan)
    assert (fixed.outcome, fixed.reason) == (Outcome.REVERTED, "")
    assert [call.parameters["Lamp"] for call in fixed.inverse] == ["b", "a"]
    assert list(fixed.removed) == [{"a": "dark"}, {"b": "dark"}]


def test_nothing_to_do() -> None:
    lamps = Lamps()
    assert carry_out(lambda service: lamps, lamps.plan).outcome is Outcome.ALREADY_OK
    fixed = carry_out(lambda service: lamps, lambda: lamps.plan("nobody knows"))
    assert (fixed.outcome, fixed.reason) == (Outcome.REFUSED, "nobody knows")


@pytest.mark.parametrize("broken", ["b", "strange"])
def test_one_step_fails_and_the_others_are_made(broken: str) -> None:
    lamps = Lamps("a", broken, broken=broken)
    fixed = carry_out(lambda service: lamps, lamps.plan)
    assert fixed.outcome is Outcome.PARTIAL
    assert f"left: light {broken}" in fixed.reason
    assert [call.parameters["Lamp"] for call in fixed.inverse] == ["a"]


def test_what_somebody_else_did_meanwhile_counts() -> None:
    lamps = Lamps("a", broken="a")

    def plan() -> Plan:
        planned = lamps.plan()
        lamps.dark.clear()
        return planned

    assert carry_out(lambda service: lamps, plan).outcome is Outcome.REVERTED


def test_a_part_that_is_not_known_leaves_it_partial() -> None:
    lamps = Lamps("a")
    fixed = carry_out(lambda service: lamps, lambda: lamps.plan("b is not known"))
    assert (fixed.outcome, fixed.reason) == (Outcome.PARTIAL, "b is not known")


def test_an_answer_that_names_failures_is_a_failure() -> None:
    lamps = Lamps("a", answers={"Unsuccessful": [{"Error": {"Message": "no power"}}]})
    fixed = carry_out(lambda service: lamps, lamps.plan)
    assert (fixed.outcome, fixed.reason) == (Outcome.FAILED, "no power; left: light a")


def test_a_stale_first_reading_is_waited_out() -> None:
    lamps = Lamps("a")
    lamps.stale = 2
    assert carry_out(lambda service: lamps, lamps.plan).outcome is Outcome.REVERTED


def test_what_cannot_be_read_is_not_right() -> None:
    lamps = Lamps("a")
    lamps.unreadable = True
    fixed = carry_out(lambda service: lamps, lamps.plan)
    assert fixed.outcome is Outcome.FAILED
    assert "AccessDenied" in fixed.reason

    lamps = Lamps("a")

    def plan() -> Plan:
        planned = lamps.plan()
        lamps.unreadable = True
        return planned

    fixed = carry_out(lambda service: lamps, plan)
    assert fixed.outcome is Outcome.PARTIAL
    assert "could not read it back" in fixed.reason


def test_a_way_back_can_come_from_the_answer() -> None:
    lamps = Lamps("a", answers={"Id": "lamp-1"})

    def plan() -> Plan:
        made = Step("light a", Call("lamps", "light", {"Lamp": "a"}),
                    lambda answer: Call("lamps", "remove", {"Id": answer["Id"]}))
        return Plan([made] if lamps.dark else [])

    assert carry_out(lambda service: lamps, plan).inverse == [Call("lamps", "remove", {"Id": "lamp-1"})]
