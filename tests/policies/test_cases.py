"""Every policy that looks at a state (config-rule, periodic): its bad, good and absent cases, and its fix."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.moto_server import Moto

from .harness import REPORTING, Case, Engine, World, cases, compliance_topic, leaves, policies, without

STATE = ("config-rule", "periodic")


NAMES = [name for name, (mode, _) in policies().items() if mode in STATE]


@pytest.mark.parametrize("name", NAMES)
def test_policy(name: str, moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All cases of one policy, and that each of its filters is needed for them to pass."""
    moto.share_clients(monkeypatch)
    own = [case for case in cases(*STATE) if case.policy["name"] == name]
    filters = own[0].policy.get("filters") or []
    unnoticed = {(): []} | {path: without(filters, path) for path in leaves(filters)}
    for case in own:
        moto.reset()
        try:
            seen = _run(case, moto, tmp_path, unnoticed)
        except BaseException as error:
            error.add_note(f"case: {case}")
            raise
        unnoticed = {path: rest for path, rest in unnoticed.items() if path not in seen}
    assert not unnoticed, (
        f"no case goes red when these filters are gone: {[_at(filters, path) for path in unnoticed]}; "
        "give each a resource that only it decides")


def _run(case: Case, moto: Moto, output: Path, mutants: dict[tuple[Any, ...], list[Any]]) -> set[tuple[Any, ...]]:
    """Run one case; returns which of the mutants, filters with one left out, give another verdict."""
    world = World(moto.client)
    world.do(case.make)
    engine = Engine(case.policy, output, world.fill(case.vars))
    bad, good = world.ids(case.match), world.ids(case.passes)

    # What matches when the filters are gone: a good resource among it is what lets this test fail.
    everything = engine.everything()
    assert set(bad + good) <= set(everything), "the case names a resource that the policy does not even look at"
    matched = engine.run(dryrun=True)
    assert set(matched) & set(bad + good) == set(bad)
    noticed = set()
    # Where its conditions keep the policy off, its filters decide nothing.
    if engine.in_force():
        named, outside = set(bad + good), set(world.ids(case.outside))
        # Few cases say of each resource whether it is in scope; where one is said to be outside, all are compared.
        expected = (set(bad), named - outside if outside else named)

        def verdicts(filters: list[Any]) -> tuple[set[str], set[str]] | None:
            found = engine.matching(filters, everything)
            return found and (found.matched & named, found.in_scope & named if outside else named)

        own = verdicts(list(case.policy.get("filters") or ()))
        assert own == expected, "the filters match other resources, or have another scope"
        noticed = {path for path, filters in mutants.items() if verdicts(filters) != expected}

    response = case.policy["metadata"]["response"]
    with compliance_topic(moto.client) as messages:
        engine.run(dryrun=False)
    if response == "alert" and bad:
        [message] = messages
        assert message["policy"]["name"] == case.policy["name"]
        assert set(bad) <= {resource_id for resource in message["resources"] for resource_id in _strings(resource)}
    again = engine.run(dryrun=True)
    if response in REPORTING:
        assert set(again) == set(matched), "a policy that only reports changed something"
    else:
        refused = world.ids(case.refused)
        assert set(again) & set(bad) == set(refused), "the fix left drift, or touched what it must not"
        assert case.fixed or not bad, "the case does not say what the fix must have done"
    world.check(case.fixed)
    after = engine.everything()
    for name in (*good, *world.ids(case.refused)):
        assert _plain(after[name]) == _plain(everything[name]), f"{name} must not be touched, and was"
    return noticed


def _at(filters: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        filters = filters[step]
    return filters if path else "all"


def test_every_policy_has_a_bad_a_good_and_an_absent_case() -> None:
    listed = cases("config-rule", "periodic", "realtime")
    for name in policies():
        own = [case for case in listed if case.policy["name"] == name]
        for kind in ("match", "passes", "absent"):
            assert any(getattr(case, kind) for case in own), f"{name} has no case with {kind}"
        for case in own:
            assert set(case.absent) <= set(case.match + case.passes), f"{case}: absent needs a verdict too"
            assert set(case.outside) <= set(case.passes), f"{case}: what is not applicable does not match either"
            assert set(case.refused) <= set(case.match), f"{case}: only what matches can be refused"


def _plain(resource: dict[str, Any]) -> dict[str, Any]:
    """What AWS says of the resource: c7n's own annotations, and times, left out.

    c7n draws lots whether it asks for instances' tags a second time, which makes no tags an empty list. It leaves the
    metadata of a response on secrets.
    """
    own = {key: value for key, value in resource.items()
           if not key.startswith("c7n:") and (key, value) != ("Tags", []) and key != "ResponseMetadata"}
    return json.loads(json.dumps(own, default=str, sort_keys=True))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from _strings(entry)
    elif isinstance(value, str):
        yield value
