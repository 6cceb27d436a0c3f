"""Every policy that looks at a state (config-rule, periodic): its bad, good and absent cases, and its fix."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.moto_server import Moto

from .harness import REPORTING, Case, Engine, World, cases, compliance_topic, policies

STATE = ("config-rule", "periodic")


@pytest.mark.parametrize("case", cases(*STATE), ids=str)
def test_case(case: Case, moto: Moto, tmp_path: Path) -> None:
    world = World(moto.client)
    world.do(case.make)
    engine = Engine(case.policy, tmp_path)
    bad, good = world.ids(case.match), world.ids(case.passes)

    # What matches when the filters are gone: a good resource among it is what lets this test fail.
    everything = engine.everything()
    assert set(bad + good) <= set(everything), "the case names a resource that the policy does not even look at"
    matched = engine.run(dryrun=True)
    assert set(matched) & set(bad + good) == set(bad)

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
        assert not set(again) & set(bad), "the fix left drift"
        assert case.fixed or not bad, "the case does not say what the fix must have done"
    world.check(case.fixed)
    after = engine.everything()
    for name in good:
        assert _plain(after[name]) == _plain(everything[name]), f"{name} was compliant, and was touched"


def test_every_policy_has_a_bad_a_good_and_an_absent_case() -> None:
    listed = cases("config-rule", "periodic", "realtime")
    for name in policies():
        own = [case for case in listed if case.policy["name"] == name]
        for kind in ("match", "passes", "absent"):
            assert any(getattr(case, kind) for case in own), f"{name} has no case with {kind}"
        for case in own:
            assert set(case.absent) <= set(case.match + case.passes), f"{case}: absent needs a verdict too"


def _plain(resource: dict[str, Any]) -> dict[str, Any]:
    """What AWS says of the resource: c7n's own annotations, and times, left out."""
    return json.loads(json.dumps(
        {key: value for key, value in resource.items() if not key.startswith("c7n:")}, default=str, sort_keys=True
    ))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from _strings(entry)
    elif isinstance(value, str):
        yield value
