"""Carrying a plan out: what is undone in which order, and how it ends when AWS does not play along."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from custom_actions.elements.iam.documents import DocumentError
from custom_actions.fixing.engine import FixPlan, FixResult, Step, calls, carry_out, fix_by_plan, summary
from custom_actions.fixing.receipt import Call, Outcome


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

    def plan(self, cannot: str = "") -> FixPlan:
        if self.unreadable:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Look")
        dark = {"a"} if self.stale > 0 else self.dark
        self.stale -= 1
        return FixPlan([step(lamp) for lamp in sorted(dark)], cannot)


def step(lamp: str) -> Step:
    return Step(f"light {lamp}", Call("lamps", "light", {"Lamp": lamp}), Call("lamps", "dim", {"Lamp": lamp}),
                removed={lamp: "dark"}, added={lamp: "lit"})


def test_all_goes_well_and_the_way_back_is_from_the_last_to_the_first() -> None:
    lamps = Lamps("a", "b")
    fixed = fix_by_plan(lambda service: lamps, lamps.plan)
    assert (fixed.outcome, fixed.reason) == (Outcome.REVERTED, "")
    assert [call.parameters["Lamp"] for call in fixed.inverse] == ["b", "a"]
    assert list(fixed.removed) == [{"a": "dark"}, {"b": "dark"}]


def test_nothing_to_do() -> None:
    lamps = Lamps()
    assert fix_by_plan(lambda service: lamps, lamps.plan).outcome is Outcome.ALREADY_OK
    fixed = fix_by_plan(lambda service: lamps, lambda: lamps.plan("nobody knows"))
    assert (fixed.outcome, fixed.reason) == (Outcome.REFUSED, "nobody knows")


@pytest.mark.parametrize("broken", ["b", "strange"])
def test_one_step_fails_and_the_others_are_made(broken: str) -> None:
    lamps = Lamps("a", broken, broken=broken)
    fixed = fix_by_plan(lambda service: lamps, lamps.plan)
    assert fixed.outcome is Outcome.PARTIAL
    assert f"still to do: light {broken}" in fixed.reason
    assert [call.parameters["Lamp"] for call in fixed.inverse] == ["a"]


def test_what_somebody_else_did_meanwhile_counts() -> None:
    lamps = Lamps("a", broken="a")

    def plan() -> FixPlan:
        planned = lamps.plan()
        lamps.dark.clear()
        return planned

    fixed = fix_by_plan(lambda service: lamps, plan)
    assert (fixed.outcome, fixed.reason, fixed.inverse) == (Outcome.ALREADY_OK, "", [])


def test_a_part_that_is_not_known_leaves_it_partial() -> None:
    lamps = Lamps("a")
    fixed = fix_by_plan(lambda service: lamps, lambda: lamps.plan("b is not known"))
    assert (fixed.outcome, fixed.reason) == (Outcome.PARTIAL, "b is not known")


def test_an_answer_that_names_failures_is_a_failure() -> None:
    lamps = Lamps("a", answers={"Unsuccessful": [{"Error": {"Message": "no power"}}]})
    fixed = fix_by_plan(lambda service: lamps, lamps.plan)
    assert (fixed.outcome, fixed.reason) == (Outcome.FAILED, "no power; still to do: light a")


def test_a_stale_first_reading_is_waited_out() -> None:
    lamps = Lamps("a")
    lamps.stale = 2
    assert fix_by_plan(lambda service: lamps, lamps.plan).outcome is Outcome.REVERTED


def test_what_cannot_be_read_is_not_right() -> None:
    lamps = Lamps("a")
    lamps.unreadable = True
    fixed = fix_by_plan(lambda service: lamps, lamps.plan)
    assert fixed.outcome is Outcome.FAILED
    assert "AccessDenied" in fixed.reason

    lamps = Lamps("a")

    def plan() -> FixPlan:
        planned = lamps.plan()
        lamps.unreadable = True
        return planned

    fixed = fix_by_plan(lambda service: lamps, plan)
    assert fixed.outcome is Outcome.PARTIAL
    assert "could not read it back" in fixed.reason


def test_a_way_back_can_come_from_the_answer() -> None:
    lamps = Lamps("a", answers={"Id": "lamp-1"})

    def plan() -> FixPlan:
        made = Step("light a", Call("lamps", "light", {"Lamp": "a"}),
                    lambda answer: Call("lamps", "remove", {"Id": answer["Id"]}))
        return FixPlan([made] if lamps.dark else [])

    assert fix_by_plan(lambda service: lamps, plan).inverse == [Call("lamps", "remove", {"Id": "lamp-1"})]


class Client:
    """Sets names; `refused` ones fail."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.there: list[str] = []

    def set(self, name: str) -> None:
        if name in self.refused:
            raise ClientError({"Error": {"Code": "NoSuchEntity", "Message": "gone"}}, "Set")
        self.there.append(name)


def setting(name: str) -> Step:
    return Step(f"set {name}", Call("x", "set", {"name": name}), Call("x", "unset", {"name": name}),
                added={"name": name})


@pytest.mark.parametrize(("refused", "left", "outcome", "done"), [
    ([], [], Outcome.REVERTED, ["a", "b"]),
    # Somebody else was quicker: the call fails, and all is as it should be.
    (["a"], [], Outcome.REVERTED, ["b"]),
    (["a", "b"], [], Outcome.ALREADY_OK, []),
    (["a"], ["a"], Outcome.PARTIAL, ["b"]),
    (["a", "b"], ["a", "b"], Outcome.FAILED, []),
    ([], ["a"], Outcome.PARTIAL, ["a", "b"]),
])
def test_the_outcome_is_what_reading_back_shows(
    refused: list[str], left: list[str], outcome: Outcome, done: list[str]
) -> None:
    client = Client(*refused)
    result = carry_out(
        [setting("a"), setting("b")], calls(lambda service: client), lambda: [setting(name) for name in left])
    assert (result.outcome, client.there) == (outcome, done)
    assert result.added == [{"name": name} for name in done]
    assert [undo.parameters["name"] for undo in result.inverse] == done[::-1]
    assert bool(result.reason) is outcome.needs_a_person


def test_an_old_first_answer_is_read_again() -> None:
    client, answers = Client(), [[setting("a")], [setting("a")], []]
    result = carry_out([setting("a")], calls(lambda service: client), lambda: answers.pop(0))
    assert (result.outcome, answers) == (Outcome.REVERTED, [])


@pytest.mark.parametrize("error", [
    ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Get"), DocumentError("no JSON"),
    ReadTimeoutError(endpoint_url="https://iam"),
])
def test_what_cannot_be_read_back_is_not_proved(error: Exception) -> None:
    def left() -> list[Step]:
        raise error

    client = Client()
    result = carry_out([setting("a")], calls(lambda service: client), left)
    assert result.outcome is Outcome.PARTIAL
    assert result.reason.startswith("could not read it back: ")
    assert len(result.inverse) == 1


class Flaky:
    """A service that does what it is asked, and then answers with an error, or answers a second attempt."""

    def __init__(self, error: Exception, *, does: bool) -> None:
        self.error, self.does, self.dark = error, does, True

    def light(self, Lamp: str) -> None:  # noqa: N803 - as boto3 has it
        if self.does:
            self.dark = False
        raise self.error


def answer(code: str, status: int, attempts: int = 0) -> ClientError:
    return ClientError({
        "Error": {"Code": code, "Message": "…"},
        "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": attempts},
    }, "Light")


UNSURE = [
    ReadTimeoutError(endpoint_url="https://x"), ConnectionClosedError(endpoint_url="https://x"),
    answer("InternalFailure", 500), answer("AlreadyLit", 400, attempts=1),
]


@pytest.mark.parametrize("error", UNSURE, ids=lambda error: type(error).__name__)
def test_what_aws_did_and_answered_with_an_error_is_in_the_receipt(error: Exception) -> None:
    lamp = Flaky(error, does=True)
    result = fix_by_plan(lambda service: lamp, lambda: FixPlan([step("a")] if lamp.dark else []))
    assert (result.outcome, result.removed) == (Outcome.REVERTED, [{"a": "dark"}])
    assert [undo.operation for undo in result.inverse] == ["dim"]
    assert "AWS returned an error, but did it" in result.notes[0]


@pytest.mark.parametrize("error", [*UNSURE, answer("AccessDenied", 403), NoCredentialsError(),
                                   ParamValidationError(report="no")], ids=lambda error: type(error).__name__)
def test_what_aws_did_not_do_is_not_in_the_receipt(error: Exception) -> None:
    lamp = Flaky(error, does=False)
    result = fix_by_plan(lambda service: lamp, lambda: FixPlan([step("a")] if lamp.dark else []))
    assert (result.outcome, result.removed, result.inverse) == (Outcome.FAILED, [], [])
    assert "still to do: light a" in result.reason


def test_inverses_are_in_the_order_of_the_calls_also_after_an_error() -> None:
    """The first call does its work and ends with an error; the second, which needs the first, is answered."""
    lamps = Lamps("a", "b")
    lost = [True]

    def make(wanted: Step) -> Mapping[str, Any]:
        made = lamps.light(wanted.call.parameters["Lamp"])
        if lost:
            lost.clear()
            raise ReadTimeoutError(endpoint_url="https://x")
        return made

    result = carry_out([step("a"), step("b")], make, lambda: [step(lamp) for lamp in sorted(lamps.dark)])
    assert result.outcome is Outcome.REVERTED
    assert [undo.parameters["Lamp"] for undo in result.inverse] == ["b", "a"]


def test_a_step_knows_whether_aws_may_have_done_it() -> None:
    lamp = Flaky(ReadTimeoutError(endpoint_url="https://x"), does=True)
    seen: list[bool] = []

    def summed(made: Any) -> FixResult:
        seen.extend(each.unsure for each, _ in made)
        return summary(made)

    def unreadable() -> list[Step]:
        raise answer("AccessDenied", 403)

    carry_out([step("a")], calls(lambda service: lamp), unreadable, summarise=summed)
    carry_out([step("a")], calls(lambda service: lamp), list, summarise=summed)
    assert seen == [True, False]


def test_a_refused_answer_that_another_has_made_true_is_not_ours() -> None:
    lamp = Flaky(answer("AlreadyLit", 400), does=True)
    result = fix_by_plan(lambda service: lamp, lambda: FixPlan([step("a")] if lamp.dark else []))
    assert (result.outcome, result.inverse) == (Outcome.ALREADY_OK, [])


def test_a_call_that_falls_apart_is_made_in_parts() -> None:
    lamps = Lamps("a", "b", "c", broken="b")

    def whole(dark: set[str]) -> list[Step]:
        parts = [step(lamp) for lamp in sorted(dark)]
        # As a whole AWS refuses it.
        return [Step("light all", Call("lamps", "light", {"Lamp": "strange"}), parts=parts)] if parts else []

    result = carry_out(whole(lamps.dark), calls(lambda service: lamps), lambda: whole(lamps.dark))
    assert result.outcome is Outcome.PARTIAL
    assert result.added == [{"a": "lit"}, {"c": "lit"}]


def test_steps_of_one_chain_depend_on_each_other_and_others_do_not() -> None:
    lamps = Lamps("a", "b", "c", broken="a")
    chained = [replace(step("a"), chain="one"), replace(step("b"), chain="one"), step("c")]
    result = carry_out(chained, calls(lambda service: lamps), lambda: [step(lamp) for lamp in sorted(lamps.dark)])
    assert lamps.dark == {"a", "b"}
    assert "light b: not tried, because a step before it failed" in result.reason


def test_what_found_no_room_is_tried_again_at_the_end() -> None:
    lamps = Lamps("a", "b")
    full = [True]

    def make(wanted: Step) -> Mapping[str, Any]:
        if wanted.does == "light a" and full:
            full.clear()
            raise answer("Full", 400)
        return lamps.light(wanted.call.parameters["Lamp"])

    steps = [replace(step("a"), try_later=frozenset({"Full"})), step("b")]
    result = carry_out(steps, make, lambda: [step(lamp) for lamp in sorted(lamps.dark)])
    assert (result.outcome, result.added) == (Outcome.REVERTED, [{"b": "lit"}, {"a": "lit"}])


class Page:
    """A service with one text that must not contain `bad`; others write to it at each reading, as long as they have."""

    def __init__(self, text: str, *others: str) -> None:
        self.text, self.others, self.readings = text, list(others), 0
        self.confirm = False

    def put(self, Text: str) -> Mapping[str, Any]:  # noqa: N803 - as boto3 has it
        self.text = Text
        return {}

    def plan(self) -> FixPlan:
        self.readings += 1
        seen = self.text
        if self.others:
            self.text = self.others.pop(0)
        if "bad" not in seen:
            return FixPlan()
        wanted = seen.replace("bad", "")
        return FixPlan([Step(
            f"write {wanted}", Call("page", "put", {"Text": wanted}), Call("page", "put", {"Text": seen}),
            removed={"text": seen}, added={"text": wanted}, overwrites=True, confirm=self.confirm and "mine" in seen)])


def fix_page(page: Page, **options: Any) -> FixResult:
    return fix_by_plan(lambda service: page, page.plan, **options)


def test_what_someone_wrote_after_the_plan_is_kept_and_is_in_the_inverse() -> None:
    page = Page("bad", "bad mine")
    fixed = fix_page(page)
    assert (fixed.outcome, page.text) == (Outcome.REVERTED, " mine")
    assert [dict(undo.parameters) for undo in fixed.inverse] == [{"Text": "bad mine"}]
    assert "someone else changed the resource" in " ".join(fixed.notes)


def test_what_someone_else_fixed_after_the_plan_is_not_written_again() -> None:
    page = Page("bad", "good")
    fixed = fix_page(page)
    assert (fixed.outcome, page.text, fixed.inverse) == (Outcome.ALREADY_OK, "good", [])


def test_whoever_keeps_changing_it_ends_as_a_failure_and_nothing_is_overwritten() -> None:
    page = Page("bad", *(f"bad {number}" for number in range(20)))
    fixed = fix_page(page)
    assert (fixed.outcome, fixed.inverse) == (Outcome.FAILED, [])
    assert "keeps changing" in fixed.reason
    assert "bad" in page.text


def test_a_new_plan_does_not_avoid_the_confirmation() -> None:
    page = Page("bad", "bad mine")
    page.confirm = True
    asked: list[int] = []
    fixed = fix_page(page, confirm=lambda: asked.append(1))
    assert not asked
    assert fixed.outcome is Outcome.FAILED
    assert page.text == "bad mine"


def test_what_cannot_be_read_directly_before_is_not_written() -> None:
    page = Page("bad")

    def plan() -> FixPlan:
        if page.readings:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Look")
        return page.plan()

    fixed = fix_by_plan(lambda service: page, plan)
    assert (fixed.outcome, page.text) == (Outcome.FAILED, "bad")
    assert "could not be read again" in fixed.reason
