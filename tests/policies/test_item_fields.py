"""A configuration item that lacks a field, or has it in another type, never makes a bad resource look compliant.

For every policy of the mode config-rule: AWS Config's item of a resource that violates it, with each field of its
configuration and of its supplementary configuration gone, and of another type, at the first two levels.
"""
from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from c7n import utils

from custom_actions.aws import AWS_ERRORS
from custom_actions.functions import ConfigRule, EventNotUnderstood, Verdict
from custom_actions.functions.config_rules import ConfigItemUnavailable, Evaluation
from custom_actions.lambda_entry import understood
from custom_actions.patches import checked_responses
from guardrails.sandbox.config import forms, history, snapshot, table
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto
from tests.wire import Wire

from .harness import World, cases, policies

NAMES = list({
    # Of policies that differ only in their fix, one is enough.
    json.dumps([policy["resource"], policy.get("filters")]): name for name, (mode, policy) in policies().items()
    if mode == "config-rule" and policy["mode"]["type"] == "config-rule"}.values())
WRONG: tuple[Any, ...] = ([], {}, "x", 7, True)
SUPPLEMENT = "supplementaryConfiguration"
TIME = "2026-11-29T10:00:00.000Z"


def mutants(item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The item without each field, and with every second one in another type, which differs from field to field."""
    for at, place in enumerate(_places(item)):
        wrong = WRONG[at % len(WRONG)]
        made = copy.deepcopy(item)
        parent: Any = made
        for step in place[:-1]:
            parent = parent[step]
        value = parent.pop(place[-1])
        yield f"{place} is gone", made
        if at % 2 and value is not None and not isinstance(value, type(wrong)):
            yield f"{place} = {wrong}", {**copy.deepcopy(made), **_with(made, place, wrong)}


def _with(item: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(item)
    parent: Any = changed
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = value
    return changed


def _places(item: dict[str, Any]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for part in ("configuration", SUPPLEMENT):
        for key, value in item[part].items():
            found.append((part, key))
            # A list is no level of its own: what matters are the fields of its objects.
            inside = value if isinstance(value, list) else [value]
            # Names that are no identifiers are keys of a map, such as the paths of an API.
            found += [(part, key, *([number] if isinstance(value, list) else []), name)
                      for number, each in enumerate(inside[:2]) if isinstance(each, dict)
                      for name in each if name.isidentifier()]
    return found


class Rule:
    """A policy in the mode config-rule, without its actions; `verdict` is what it tells AWS Config of an item."""

    def __init__(self, data: Any, output: Path, variables: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self._policy = engine.load({**data, "actions": []}, output, variables=variables)
        self._posted: list[Evaluation] = []
        monkeypatch.setattr(ConfigRule, "post", lambda rule, token, evaluations: self._posted.extend(evaluations))
        monkeypatch.setattr("custom_actions.lambda_entry.dispatch_event", lambda event, context: self._run(event))

    @property
    def kind(self) -> str:
        return str(self._policy.resource_manager.resource_type.config_type)

    def verdict(self, item: Any) -> Verdict | str:
        self._posted.clear()
        try:
            event = {"resultToken": "t", "invokingEvent": json.dumps({"configurationItem": item})}
            understood(event, None)
        except (EventNotUnderstood, ConfigItemUnavailable, *AWS_ERRORS) as error:
            return f"{type(error).__name__}: {error}"
        [posted] = self._posted
        return posted.verdict

    def _run(self, event: Any) -> Any:
        return self._policy.get_execution_mode().run(event, None)


def items(kind: str, moto: Moto) -> list[dict[str, Any]]:
    """What AWS Config has recorded of all resources of a type."""
    [described] = [each for each in table.kinds() if each.type == kind]
    # moto has no GetBucketRequestPayment, and lists the objects instead.
    moto.client("s3").meta.events.unregister("before-parse", checked_responses.check)
    clock = history.Clock()
    found = snapshot.take(described, moto.client, ACCOUNT, REGION).resources
    return [json.loads(json.dumps(forms.in_message(history.Item(ACCOUNT, REGION, history.CHANGED, clock.now(), each)),
                                  default=str)) for each in found]


def bad_items(name: str, moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Rule, list[Any]]:
    """The rule, and the items that violate it."""
    case = next(each for each in cases("config-rule") if each.policy["name"] == name and each.match)
    world = World(moto.client, give_answer=moto.give_answer)
    world.do(case.make)
    rule = Rule(case.policy, tmp_path, world.fill(case.vars), monkeypatch)
    return rule, [item for item in items(rule.kind, moto) if rule.verdict(item) == Verdict.NON_COMPLIANT]


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_resource_never_becomes_compliant(
    name: str, moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    utils.reset_session_cache()
    rule, bad = bad_items(name, moto, tmp_path, monkeypatch)
    assert bad
    wire = Wire(memory={})
    wire.install(monkeypatch)
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    wrong = [f"{what}: {verdict}" for what, mutant in mutants(bad[0])
             if (verdict := rule.verdict(mutant)) in (Verdict.COMPLIANT, Verdict.NOT_APPLICABLE)]
    assert not wrong, "\n".join(wrong)
