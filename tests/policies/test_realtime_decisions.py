"""Every realtime policy with filters: they decide as its cases say, and each of them is needed.

The events of a case are made in a sandbox in which no function is deployed, so nothing answers them, and pushed
through c7n in this process with the policy's actions left out. Here, unlike in test_realtime, a case may have other
parameters than the defaults. Policies without filters are not here: the action decides alone, and test_realtime sees
what it did. Several changes of one resource are all made before the first event is looked at.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from c7n import utils

from guardrails.sandbox import Sandbox
from tests import engine
from tests.moto_server import ACCOUNT, REGION

from .harness import Case, World, cases, leaves, policies, without

CALL, SIGN_IN = "AWS API Call via CloudTrail", "AWS Console Sign In via CloudTrail"
NAMES = [name for name, (mode, policy) in policies().items() if mode == "realtime" and policy.get("filters")]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(directory=tmp_path_factory.mktemp("decisions")) as running:
        yield running


@pytest.fixture(autouse=True)
def at_the_sandbox(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """c7n in this process talks to an empty account of the sandbox."""
    for name, value in sandbox.environment(account=ACCOUNT, region=REGION).items():
        monkeypatch.setenv(name, value)
    utils.reset_session_cache()
    yield
    utils.reset_session_cache()


@pytest.mark.parametrize("name", NAMES)
def test_policy(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    own = [case for case in cases("realtime") if case.policy["name"] == name]
    filters = own[0].policy["filters"]
    unnoticed = {path: without(filters, path) for path in leaves(filters)}
    for case in own:
        sandbox.reset()
        world, events = _make(case, sandbox)
        bad, good = set(world.ids(case.match)), set(world.ids(case.passes))
        assert _matched(case, world, events, filters, tmp_path) & (bad | good) == bad, f"case: {case}"
        unnoticed = {
            path: rest for path, rest in unnoticed.items()
            if _matched(case, world, events, rest, tmp_path) & (bad | good) == bad
        }
    assert not unnoticed, (
        f"no case goes red when these filters are gone: {[_at(filters, path) for path in unnoticed]}; "
        "give each a resource that only it decides")


def _make(case: Case, sandbox: Sandbox) -> tuple[World, list[dict[str, Any]]]:
    """The case's world, and the events of its changes, as EventBridge would hand them over."""
    put: list[dict[str, Any]] = []
    world = World(
        lambda service: sandbox.client(service, ACCOUNT, REGION),
        put=lambda kind, detail: put.append({"detail-type": kind, "detail": detail}),
    )
    world.do(case.make)
    before = len(sandbox.events(ACCOUNT))
    world.do(case.change)
    # Those that AWS refused among them: it delivers them as well.
    events = [{"detail-type": CALL, "detail": record} for record in sandbox.events(ACCOUNT)[before:]] + put
    return world, [event for event in events if _subscribed(case.policy, event)]


def _subscribed(policy: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether the rule that c7n makes for the policy would let the event through."""
    names = {each if isinstance(each, str) else each["event"] for each in policy["mode"]["events"]}
    sources = {each["source"] for each in policy["mode"]["events"] if isinstance(each, dict)}
    kind = SIGN_IN if "signin.amazonaws.com" in sources else CALL
    return event["detail"]["eventName"] in names and event["detail-type"] == kind


def _matched(
    case: Case, world: World, events: list[dict[str, Any]], filters: list[Any], output: Path
) -> set[str]:
    """The ids of the resources that other filters match, over all events; an error would be seen, and matches all."""
    mode = {key: value for key, value in case.policy["mode"].items() if key != "delay"}
    policy = {**case.policy, "mode": mode, "filters": filters, "actions": []}
    policy.pop("conditions", None)  # profiles: a policy that is off decides nothing
    found: set[str] = set()
    for event in events:
        loaded = engine.load(policy, output, variables=world.fill(case.vars))
        id_key = loaded.resource_manager.get_model().id
        found |= {str(resource[id_key]) for resource in loaded.push(event, None) or ()}
    return found


def _at(filters: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        filters = filters[step]
    return filters
