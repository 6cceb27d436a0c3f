"""Policies that look at a state (config-rule, periodic, without a mode): their cases in pull mode, and their fixes."""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_actions.names import TOPIC
from custom_actions.vocabulary import PASSIVE

from ..policies import Policy
from .completeness import incomplete, undecided
from .engine import Engine
from .files import Case
from .filters import Place, leaves, without
from .outcome import PolicyResult, attempt, expect
from .world import World, heard, topics_of

if TYPE_CHECKING:
    from ..sandbox import LocalAws

_Mutants = Mapping[Place, list[Any]]
"""The filters with the one at a place left out; with the empty place, no filter at all."""


def check_state(policy: Policy, cases: Sequence[Case], aws: LocalAws, output: Path) -> PolicyResult:
    """Run all cases of a policy, and see whether each of its filters is needed for them to pass.

    This process' requests must lead to `aws`, which is emptied before each case.

    Args:
        policy: the policy.
        cases: its cases.
        aws: the local AWS.
        output: the directory for what c7n writes.
    """
    filters = list(policy.data.get("filters") or ())
    unnoticed: _Mutants = {(): [], **{path: without(filters, path) for path in leaves(filters)}} if filters else {}
    results = []
    for case in cases:
        aws.reset()
        noticed, result = attempt(case, partial(_run, policy, case, aws, output, unnoticed))
        unnoticed = {path: rest for path, rest in unnoticed.items() if path not in (noticed or ())}
        results.append(result)
    whole = list(incomplete(policy, cases))
    if unnoticed and not any(result.failure for result in results):
        whole.append(undecided(policy, unnoticed))
    return PolicyResult(policy.name, policy.where, results, whole)


def _run(policy: Policy, case: Case, aws: LocalAws, output: Path, mutants: _Mutants) -> set[Place]:
    """Run one case; returns which of the mutants give another verdict. Raises NotAsExpected."""
    world = World(aws.client, backdate=aws.backdate, set_owner=aws.set_owner, set_state=aws.set_state,
                  give_answer=aws.give_answer)
    world.do(case.make)
    engine = Engine(policy.data, output, world.fill(case.vars))
    bad, good = world.ids(case.match), world.ids(case.passes)

    topics = topics_of(policy.data)
    # Around all of it: the policy may look at topics and queues, and these are no change of its own.
    with heard(aws.client, list(dict.fromkeys((TOPIC, *topics)))) as messages:
        # What matches when the filters are gone: a good resource among it is what lets this fail.
        everything = engine.everything()
        strange = sorted(set(bad + good) - set(everything))
        expect(not strange, "the policy looks at every resource of match and pass",
               f"it does not look at {strange}, only at {sorted(everything)}")
        matched = engine.run(dryrun=True)
        found = set(matched) & set(bad + good)
        expect(found == set(bad), f"of match and pass, these match: {sorted(bad)}", f"these match: {sorted(found)}")
        # Where its conditions keep the policy off, its filters decide nothing.
        noticed = _noticed(policy, case, world, engine, everything, mutants) if engine.in_force() else set()
        engine.run(dryrun=False)
    # A queue listens to SNS only: what goes elsewhere, such as a webhook, is not seen.
    if policy.response == "alert" and bad and (topics or not policy.data.get("actions")):
        names = [message["policy"]["name"] for message in messages]
        expect(names == [policy.name], "one message of the policy", f"messages of {names}")
        told = {text for resource in messages[0]["resources"] for text in _strings(resource)}
        expect(set(bad) <= told, f"the message names {sorted(bad)}", messages[0]["resources"])
    again = set(engine.run(dryrun=True))
    if policy.response in PASSIVE:
        expect(again == set(matched), "a policy that only reports changes nothing",
               f"before its actions these matched: {sorted(matched)}; afterwards: {sorted(again)}")
    else:
        refused = world.ids(case.refused)
        expect(again & set(bad) == set(refused), f"after the fix, these of match still match: {sorted(refused)}",
               f"these match: {sorted(again & set(bad))}")
        expect(bool(case.fixed) or not bad, "the case says under `fixed` what the fix must have done", "it does not")
    world.check(case.fixed)
    after = engine.everything()
    for name in (*good, *world.ids(case.refused)):
        before, now = _plain(everything[name]), _plain(after.get(name, {}))
        expect(before == now, f"{name} is not touched: {before}", now)
    return noticed


def _noticed(
    policy: Policy, case: Case, world: World, engine: Engine, everything: Mapping[str, Any], mutants: _Mutants
) -> set[Place]:
    """Which of the mutants give another verdict."""
    bad = set(world.ids(case.match))
    named, outside = bad | set(world.ids(case.passes)), set(world.ids(case.outside))
    # Few cases say of each resource whether it is in scope; where one is said to be outside, all are compared.
    expected = (bad, named - outside if outside else named)

    def verdicts(filters: list[Any]) -> tuple[set[str], set[str]] | None:
        found = engine.matching(filters, everything)
        return (found.matched & named, found.in_scope & named if outside else named) if found else None

    own = verdicts(list(policy.data.get("filters") or ()))
    expect(own == expected, f"these match: {sorted(bad)}; in scope: {sorted(expected[1])}",
           own and f"these match: {sorted(own[0])}; in scope: {sorted(own[1])}")
    return {path for path, filters in mutants.items() if verdicts(filters) != expected}


def _plain(resource: dict[str, Any]) -> dict[str, Any]:
    """What AWS says of the resource: c7n's own annotations, and times, left out.

    c7n draws lots whether it asks for instances' tags a second time, which makes no tags an empty list. It leaves the
    metadata of a response on secrets. Every five minutes a database can be restored to a later time.
    """
    own = {key: value for key, value in resource.items()
           if not key.startswith("c7n:") and (key, value) != ("Tags", [])
           and key not in ("ResponseMetadata", "LatestRestorableTime")}
    plain: dict[str, Any] = json.loads(json.dumps(own, default=str, sort_keys=True))
    return plain


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from _strings(entry)
    elif isinstance(value, str):
        yield value
