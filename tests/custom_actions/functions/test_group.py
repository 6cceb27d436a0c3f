"""Which policies of a group a message is for, and how they run: each apart, and none twice for one message."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from c7n import handler

from custom_actions import lambda_entry
from custom_actions.aws.shared_state import forget_states
from custom_actions.functions import Group, GroupIncomplete, PolicyNotInGroup, addressed_tick, group_config, unwrapped
from custom_actions.functions.shapes import EventNotUnderstood
from tests.moto_server import REGION, Moto

ACCOUNT = "111111111111"
CONTEXT = SimpleNamespace(
    invoked_function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:custodian-group-x", function_name="group")
OPENED, CREATED = "AuthorizeSecurityGroupIngress", "CreateUser"


def policy(name: str, mode: str, **more: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"type": mode, "role": "r", **more}
    return {"name": name, "resource": "aws.security-group", "mode": settings}


def pattern(*names: str) -> dict[str, Any]:
    return {"source": [{"prefix": "aws."}, "guardrails.doctor"], "detail": {"eventName": list(names)}}


REALTIME = [policy(name, "cloudtrail", events=[]) for name in ("a", "b", "c")]
PATTERNS = {"a": pattern(OPENED), "b": pattern(OPENED, CREATED), "c": pattern(CREATED)}


def event(name: str = OPENED, **more: Any) -> dict[str, Any]:
    return {"source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "account": ACCOUNT, "region": REGION,
            "detail": {"eventName": name, "eventSource": "ec2.amazonaws.com", "eventID": "e-1"}, **more}


def group(policies: list[dict[str, Any]], patterns: dict[str, Any] | None = None) -> Group:
    return Group(json.loads(group_config("custodian-group-x", {}, policies, patterns or {})))


@pytest.mark.parametrize(("message", "picked"), [
    ({**event(), "guardrails-policy": "b"}, ["b"]),
    (event(), ["a", "b"]),
    (event(CREATED), ["b", "c"]),
    ({**event(CREATED), "guardrails-policy": "a"}, ["a"]),
])
def test_an_event_is_for_the_policy_it_names_or_for_all_that_subscribe(message: Any, picked: list[str]) -> None:
    assert group(REALTIME, PATTERNS).pick(message, "cloudtrail") == picked


@pytest.mark.parametrize("message", [
    {**event(), "guardrails-policy": "gone"}, {**event(), "guardrails-policy": None},
    {**event(), "guardrails-policy": ["a"]}, event("DeleteTrail"), event(source="own"), {},
])
def test_an_event_for_no_policy_is_an_error(message: Any) -> None:
    with pytest.raises(PolicyNotInGroup):
        group(REALTIME, PATTERNS).pick(message, "cloudtrail")


def test_a_pattern_that_cannot_be_compared_is_no_match_and_no_silence() -> None:
    strange = group(REALTIME, {**PATTERNS, "c": {"detail": {"size": [{"numeric": [">", 1]}]}}})
    with pytest.raises(PolicyNotInGroup, match="whether c subscribes to it is unknown"):
        strange.pick(event(), "cloudtrail")
    assert strange.pick({**event(), "guardrails-policy": "a"}, "cloudtrail") == ["a"]


def test_a_change_is_for_the_policy_of_its_rule_only() -> None:
    rules = group([policy("a", "config-rule"), policy("b", "config-rule", **{"function-prefix": "our-"})])
    assert rules.pick({"configRuleName": "custodian-a"}, "config-rule") == ["a"]
    assert rules.pick({"configRuleName": "our-b"}, "config-rule") == ["b"]
    # AWS Config names its rule; what else the message says does not count.
    assert rules.pick({"configRuleName": "custodian-a", "guardrails-policy": "b"}, "config-rule") == ["a"]
    for wrong in ({}, {"configRuleName": "custodian-b"}, {"configRuleName": 1}, {"guardrails-policy": "a"}):
        with pytest.raises(PolicyNotInGroup):
            rules.pick(wrong, "config-rule")


def test_a_tick_is_for_the_policy_in_its_input_or_of_its_rule() -> None:
    ticks = group([policy(name, "periodic", schedule="rate(1 day)") for name in "ab"])
    assert ticks.pick(json.loads(addressed_tick("b")), "periodic") == ["b"]
    scheduled = {"source": "aws.events", "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/custodian-a"]}
    assert ticks.pick(scheduled, "periodic") == ["a"]
    for wrong in ({}, {"resources": ["arn:aws:events:x:1:rule/other"]}, {"resources": "custodian-a"}):
        with pytest.raises(PolicyNotInGroup):
            ticks.pick(wrong, "periodic")


def test_only_the_form_of_an_input_transformer_is_unwrapped() -> None:
    wrapped = {"guardrails-policy": "a", "event": event()}
    assert unwrapped(wrapped) == {**event(), "guardrails-policy": "a"}
    for other in ({**wrapped, "more": 1}, {"guardrails-policy": "a", "event": "text"}, {"event": event()}, [], "x"):
        assert unwrapped(other) == other


@pytest.fixture
def deployed(moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Lays out a group's directory; the result runs messages, and lists which policies ran. Some of them fail."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(handler, "policy_config", None)
    monkeypatch.setattr(handler, "policy_data", None)
    ran: list[str] = []
    failing: set[str] = set()

    def dispatch(message: dict[str, Any], context: Any) -> None:
        assert handler.policy_config.account_id == ACCOUNT
        [data] = handler.policy_data["policies"]
        message["detail"]["touched"] = True  # what a policy does to its event is its own affair
        ran.append(data["name"])
        if data["name"] in failing:
            raise RuntimeError(f"{data['name']} is broken")

    monkeypatch.setattr(lambda_entry, "dispatch_event", dispatch)

    def deploy(policies: list[dict[str, Any]], patterns: dict[str, Any] | None = None) -> Callable[..., Any]:
        (tmp_path / "config.json").write_text(group_config("custodian-group-x", {}, policies, patterns or {}))
        _forget()

        def run(message: Any, *broken: str) -> list[str]:
            failing.clear()
            failing.update(broken)
            ran.clear()
            try:
                lambda_entry.run(message, CONTEXT)
            finally:
                run.ran = list(ran)  # type: ignore[attr-defined]
            return list(ran)

        return run

    yield deploy
    _forget()


def _forget() -> None:
    for cached in (lambda_entry.policy_mode, lambda_entry._group, lambda_entry._members):
        cached.cache_clear()
    forget_states()


def test_each_rule_runs_its_policy_once(deployed: Any) -> None:
    run = deployed(REALTIME, PATTERNS)
    assert run({"guardrails-policy": "a", "event": event()}) == ["a"]
    assert run({"guardrails-policy": "b", "event": event()}) == ["b"]
    # A second delivery of the same event is another message, as for a policy with its own function.
    assert run({"guardrails-policy": "b", "event": event()}) == ["b"]
    with pytest.raises(RuntimeError, match="b is broken"):
        run({"guardrails-policy": "b", "event": event()}, "b")


def test_one_that_fails_stops_no_other_and_a_retry_repeats_nothing(
    deployed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run = deployed([*REALTIME, policy("d", "cloudtrail", events=[])], {**PATTERNS, "d": pattern(OPENED)})
    with pytest.raises(GroupIncomplete, match="2 policies failed: a: RuntimeError: a is broken; d: "):
        run(event(), "a", "d")
    assert run.ran == ["a", "b", "d"]
    assert "policy a failed: RuntimeError: a is broken" in caplog.text
    with pytest.raises(RuntimeError, match="d is broken"):
        run(event(), "d")
    assert run.ran == ["a", "d"]
    assert run(event()) == ["d"]
    assert run(event()) == []
    # With the same id, but another content, it is another event.
    assert run({**event(), "time": "2026-01-01T00:00:00Z"}) == ["a", "b", "d"]
    # An instance that starts later does not know it without the table, and the fixes find nothing to do.
    forget_states()
    assert run(event()) == ["a", "b", "d"]


def test_policies_see_the_event_as_it_came(deployed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = deployed(REALTIME, PATTERNS)
    seen: list[Any] = []
    dispatch = lambda_entry.dispatch_event
    monkeypatch.setattr(lambda_entry, "dispatch_event", lambda message, context: (
        seen.append(json.loads(json.dumps(message))), dispatch(message, context)))
    run(event())
    # So that an event that a fix has delivered again is for this policy only.
    assert seen == [{**event(), "guardrails-policy": name} for name in ("a", "b")]


def test_a_topic_cannot_hide_where_an_event_comes_from(deployed: Any) -> None:
    run = deployed(REALTIME, PATTERNS)
    for inside in ({"guardrails-policy": "a", "event": event()}, {**event(), "guardrails-policy": "a"}):
        assert run({"Records": [{"Sns": {"Message": json.dumps(inside)}}]}) == []


@pytest.mark.parametrize("forged", [
    event(source="own.app"), event(account="222222222222"), event(**{"detail-type": "Made up"}),
    {**event(), "detail": {**event()["detail"], "recipientAccountId": "222222222222"}}, {"detail": {}}, {},
])
def test_a_forged_event_is_refused_with_a_name_as_without(deployed: Any, forged: dict[str, Any]) -> None:
    run = deployed(REALTIME, PATTERNS)
    assert run({"guardrails-policy": "a", "event": forged}) == []
    assert run({**forged, "guardrails-policy": "a"}) == []


def test_an_event_for_a_policy_that_is_gone_fails(deployed: Any, caplog: pytest.LogCaptureFixture) -> None:
    run = deployed(REALTIME, PATTERNS)
    with pytest.raises(EventNotUnderstood, match="gone, which is not among the 3 policies"):
        run({"guardrails-policy": "gone", "event": event()})
    assert run.ran == [] and "event not understood: the message is for gone" in caplog.text
