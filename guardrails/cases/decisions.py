"""The filters of realtime policies: they decide as the cases say, and each of them is needed.

The events of a case are made in a sandbox in which no function is deployed, so nothing answers them, and pushed
through c7n in this process with the policy's actions left out. Here a case may have other parameters than the defaults.
Several changes of one resource are all made before the first event is looked at.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..policies import Policy
from ..sandbox import ACCOUNT, REGION
from . import engine
from .completeness import undecided
from .files import Case
from .filters import Place, leaves, without
from .outcome import PolicyResult, attempt, expect
from .world import World

if TYPE_CHECKING:
    from ..sandbox import Sandbox

_CALL, _SIGN_IN = "AWS API Call via CloudTrail", "AWS Console Sign In via CloudTrail"


def check_decisions(policy: Policy, cases: Sequence[Case], sandbox: Sandbox, output: Path) -> PolicyResult:
    """What the filters of a policy of the mode cloudtrail make of its cases' events.

    This process' requests must lead to the sandbox, which is emptied before each case.

    Args:
        policy: a policy with filters.
        cases: its cases.
        sandbox: the local AWS.
        output: the directory for what c7n writes.
    """
    filters = list(policy.data["filters"])
    unnoticed = {path: without(filters, path) for path in leaves(filters)}
    results = []
    for case in cases:
        sandbox.reset()
        noticed, result = attempt(case, partial(_run, case, sandbox, filters, output, unnoticed))
        unnoticed = {path: rest for path, rest in unnoticed.items() if path not in (noticed or ())}
        results.append(result)
    whole = [undecided(policy, unnoticed)] if unnoticed and not any(each.failure for each in results) else []
    return PolicyResult(policy.name, policy.where, results, whole)


def _run(
    case: Case, sandbox: Sandbox, filters: list[Any], output: Path, mutants: Mapping[Place, list[Any]]
) -> set[Place]:
    """Run one case; returns which of the mutants give another verdict. Raises NotAsExpected."""
    world, events = _make(case, sandbox)
    bad, good = set(world.ids(case.match)), set(world.ids(case.passes))
    found = _matched(case, world, events, filters, output) & (bad | good)
    expect(found == bad, f"of match and pass, these match: {sorted(bad)}",
           f"these match: {sorted(found)}, of {len(events)} events that the policy subscribes to")
    return {
        path for path, rest in mutants.items()
        if _matched(case, world, events, rest, output) & (bad | good) != bad}


def _make(case: Case, sandbox: Sandbox) -> tuple[World, list[dict[str, Any]]]:
    """The case's world, and the events of its changes, as EventBridge would hand them over."""
    put: list[dict[str, Any]] = []
    world = World(
        lambda service: sandbox.client(service, ACCOUNT, REGION), backdate=sandbox.backdate,
        set_owner=sandbox.set_owner, put=lambda kind, detail: put.append({"detail-type": kind, "detail": detail}),
    )
    world.do(case.make)
    before = len(sandbox.events(ACCOUNT))
    world.do(case.change)
    # Those that AWS refused among them: it delivers them as well.
    events = [{"detail-type": _CALL, "detail": record} for record in sandbox.events(ACCOUNT)[before:]] + put
    return world, [event for event in events if _subscribed(case.policy, event)]


def _subscribed(policy: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether the rule that c7n makes for the policy would let the event through."""
    names = {each if isinstance(each, str) else each["event"] for each in policy["mode"]["events"]}
    sources = {each["source"] for each in policy["mode"]["events"] if isinstance(each, dict)}
    kind = _SIGN_IN if "signin.amazonaws.com" in sources else _CALL
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
