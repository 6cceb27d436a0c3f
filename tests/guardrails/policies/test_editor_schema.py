"""The schema for editors takes what `validate` takes, and says of a wrong policy where it is wrong."""
from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft7Validator

from guardrails.policies.catalogue import load_catalogues
from guardrails.policies.editor_schema import policy_schema
from guardrails.policies.policy import Policy, load


@pytest.fixture(scope="module")
def policies() -> dict[str, Policy]:
    return {policy.name: policy for policy in load()}


@pytest.fixture(scope="module")
def schema(policies: dict[str, Policy]) -> dict[str, Any]:
    made = policy_schema({policy.resource for policy in policies.values()}, load_catalogues())
    Draft7Validator.check_schema(made)
    return made


def errors(schema: dict[str, Any], policy: Any) -> list[tuple[tuple[str | int, ...], str]]:
    """Where in the policy, and what."""
    validator = Draft7Validator(schema)
    return [(tuple(error.absolute_path)[2:], error.message) for error in validator.iter_errors({"policies": [policy]})]


def test_every_policy_of_the_project_is_valid(schema: dict[str, Any], policies: dict[str, Policy]) -> None:
    assert len(policies) > 100
    assert {name: found for name, policy in policies.items() if (found := errors(schema, policy.data))} == {}


@pytest.mark.parametrize(("path", "value", "where"), [
    (("metadata", "severity"), "critcal", ("metadata", "severity")),
    (("metadata", "controls"), {"cis-aws-5.0": ["5.33"]}, ("metadata", "controls", "cis-aws-5.0", 0)),
    (("metadata", "controls"), {"cis-aws-5": []}, ("metadata", "controls")),
    (("metadata", "title"), " ", ("metadata", "title")),
    (("metadata", "rationale"), None, ("metadata", "rationale")),
    (("resource",), "aws.security-grup", ("resource",)),
    (("filters", 0, "type"), "ingres-drift", ("filters", 0)),
    (("filters", 0, "narow"), True, ("filters", 0)),
    (("actions", 0), "revert-ingres", ("actions", 0)),
    (("mode", "memory"), "256", ("mode",)),
    # c7n checks before it fills parameters in, and takes none for a number.
    (("mode", "memory"), "{memory}", ("mode",)),
    (("filtres",), [], ()),
])
def test_a_wrong_policy_is_wrong_at_its_place(
    schema: dict[str, Any], policies: dict[str, Policy], path: tuple[Any, ...], value: Any, where: tuple[Any, ...]
) -> None:
    policy = deepcopy(dict(policies["security-group-admin-ports-revert"].data))
    inside: Any = policy
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    assert where in [place for place, _ in errors(schema, policy)]


def test_elements_say_what_they_do_and_resources_are_completed(schema: dict[str, Any]) -> None:
    groups = schema["definitions"]["resources"]["aws.security-group"]
    assert groups["filters"]["ingress-drift"]["description"].startswith("Groups whose ingress differs from the policy")
    items = schema["properties"]["policies"]["items"]
    assert {"aws.s3", "s3", "aws.security-group"} <= set(items["properties"]["resource"]["enum"])
