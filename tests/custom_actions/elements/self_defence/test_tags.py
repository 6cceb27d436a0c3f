"""Restoring tags: the plan, and the tags that a record changed."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.self_defence.tags import changed_tags, plan_tags
from custom_actions.fixing.engine import FixPlan

KEY, GROUP = "guardrails-ingress", "sg-1"


def operations(plan: FixPlan) -> list[tuple[str, list[Any]]]:
    return [(step.call.operation, list(step.call.parameters["Tags"])) for step in plan.steps]


@pytest.mark.parametrize(("keys", "before", "now", "expected"), [
    ({KEY: "locked"}, {KEY: None}, {KEY: "locked"}, [("delete_tags", [{"Key": KEY, "Value": "locked"}])]),
    ({KEY: "locked"}, {KEY: "web"}, {KEY: "locked"}, [("create_tags", [{"Key": KEY, "Value": "web"}])]),
    ({KEY: None}, {KEY: "web"}, {}, [("create_tags", [{"Key": KEY, "Value": "web"}])]),
    ({KEY: "locked"}, {KEY: "locked"}, {KEY: "locked"}, []),  # it set what was there
    ({KEY: None}, {KEY: None}, {}, []),
    ({KEY: "locked"}, {KEY: None}, {KEY: "web"}, []),  # changed again since
    ({KEY: None}, {KEY: "web"}, {KEY: "web"}, []),
    ({}, {KEY: "web"}, {KEY: "web"}, []),
])
def test_a_tag_is_restored(keys: Any, before: Any, now: Any, expected: Any) -> None:
    plan = plan_tags(GROUP, keys, before, now)
    assert operations(plan) == expected
    assert not plan.cannot
    assert all(step.confirm for step in plan.steps), "what comes from history waits for CloudTrail's word"


def test_the_inverse_repeats_the_change() -> None:
    [step] = plan_tags(GROUP, {KEY: "locked"}, {KEY: None}, {KEY: "locked"}).steps
    assert step.undo({})[0].operation == "create_tags"
    assert step.undo({})[0].parameters["Tags"] == [{"Key": KEY, "Value": "locked"}]


def test_a_tag_with_an_unknown_previous_value_is_not_changed() -> None:
    plan = plan_tags(GROUP, {KEY: "locked"}, {}, {KEY: "locked"})
    assert not plan.steps and "no event shows the previous value of the tag guardrails-ingress" in plan.cannot


def record(name: str, tags: list[dict[str, str]], resource: str = GROUP) -> dict[str, Any]:
    return {"eventName": name, "requestParameters": {
        "resourcesSet": {"items": [{"resourceId": resource}]}, "tagSet": {"items": tags} if tags else {}}}


@pytest.mark.parametrize(("made", "expected"), [
    (record("CreateTags", [{"key": KEY, "value": "locked"}, {"key": "team", "value": "x"}]), {KEY: "locked"}),
    (record("DeleteTags", [{"key": KEY}, {"key": "team"}]), {KEY: None}),
    (record("DeleteTags", []), {KEY: None, "guardrails-unused": None}),
    (record("CreateTags", [{"key": KEY, "value": "locked"}], "sg-2"), {}),
    (record("DeleteTags", [{"key": KEY}], "sg-2"), {}),
])
def test_the_tags_that_a_record_changed(made: dict[str, Any], expected: dict[str, Any]) -> None:
    before: dict[str, str | None] = {KEY: "web", "guardrails-unused": "x", "team": "y"}
    assert changed_tags(made, GROUP, "guardrails-*", before) == expected
