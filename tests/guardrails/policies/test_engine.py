"""The short way through c7n's schema takes nothing that the whole schema refuses, and sends the rest through it."""
from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from c7n.loader import SchemaValidator
from c7n.resources import load_resources

from guardrails.policies import engine
from guardrails.policies.policy import load

POLICY: dict[str, Any] = {
    "name": "p", "resource": "aws.security-group",
    "mode": {"type": "config-rule", "role": "r", "memory": 256},
    "filters": [
        "default-vpc",
        {"GroupName": "front"},
        {"type": "value", "key": "GroupName", "op": "ne", "value": "front"},
        {"or": [{"not": [{"type": "ingress", "Ports": [22]}]}, {"tag:a": "b"}]},
    ],
    "actions": ["delete", {"type": "mark-for-op", "op": "delete", "days": 3}],
}


def accepted(policy: dict[str, Any]) -> bool:
    return engine._accepts(engine._validator("aws.security-group"), policy, "aws.security-group")


@pytest.mark.parametrize(("path", "value"), [
    (("filters", 0), "default-vpcs"), (("filters", 1), {"GroupName": {"a": 1}}),
    (("filters", 1), 3), (("filters", 2, "op"), "nee"), (("filters", 2, "opp"), "ne"), (("filters", 2, "type"), 3),
    (("filters", 3, "or", 0, "not", 0, "Ports"), "22"), (("filters", 3, "and"), []), (("actions", 0), "deletes"),
    (("actions", 1, "days"), "3"), (("actions", 1, "type"), "value"), (("mode", "memory"), "256"),
    (("mode", "memery"), 256), (("max-resources",), 0), (("conditions",), [3]), (("name",), "1 2"),
])
def test_what_the_whole_schema_refuses_is_not_taken(path: tuple[Any, ...], value: Any) -> None:
    policy = deepcopy(POLICY)
    inside: Any = policy
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    load_resources(["aws.security-group"])  # else c7n's schema has nothing of the type
    whole = SchemaValidator().gen_schema(("aws.security-group",))
    assert not whole.is_valid({"policies": [policy]})
    assert not accepted(policy)


def test_every_policy_of_the_project_goes_the_short_way() -> None:
    assert accepted(POLICY)
    for policy in load():
        engine.unknown_resource(policy.resource)
        assert engine._accepts(engine._validator(policy.resource), policy.data, policy.resource), policy.name


def test_another_name_of_a_type_is_known() -> None:
    policy = {"name": "p", "resource": "aws.network-addr", "filters": [{"PublicIp": "192.0.2.1"}]}
    for name in ("aws.network-addr", "aws.elastic-ip"):
        assert engine.policy_problems({**policy, "resource": name}, name) == []
        wrong = {**policy, "resource": name, "filters": [{"type": "value", "opp": 1}]}
        assert engine.policy_problems(wrong, name)[0].problem == "value has no setting opp"
