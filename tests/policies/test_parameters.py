"""Parameters of one name mean one thing: an account overrides them once, for every file and mode that has them."""
from __future__ import annotations

from typing import Any

import yaml

from custom_actions.parameters import placeholders

from .harness import POLICIES, policy_files

SEVERAL_MODES = {
    "security-group-admin-ports": "security-group-admin-ports-revert",
    "s3-bucket-public-acl": "s3-bucket-public-close",
    "ec2-unapproved-image": "ec2-unapproved-image-stop",
    "ami-public-revert": "ami-published-revert",
}
"""Policies on the same thing: one that looks at the state, and one that answers an event."""


def files() -> dict[str, dict[str, Any]]:
    return {
        str(path.relative_to(POLICIES)): yaml.safe_load(path.read_text(encoding="utf-8")) for path in policy_files()
    }


def test_a_parameter_has_the_same_default_in_every_file() -> None:
    defaults: dict[str, dict[str, Any]] = {}
    for file, data in files().items():
        for name, value in ((data.get("vars") or {}).get("parameters") or {}).items():
            defaults.setdefault(name, {})[file] = value
    differing = {
        name: values for name, values in defaults.items()
        if any(value != next(iter(values.values())) for value in values.values())
    }
    assert not differing, "the same name with two defaults: rename one, or make them equal"
    assert len(defaults) > 1


def test_a_check_in_two_modes_is_one_check() -> None:
    """The realtime policy has the filters of its twin, with the same parameters; they are shared, not alike by chance.

    A filter's options may differ where a mode needs it; its type and the parameters may not.
    """
    policies = {policy["name"]: policy for data in files().values() for policy in data["policies"]}
    for state, event in SEVERAL_MODES.items():
        own, others = policies[event]["filters"], policies[state]["filters"]
        types = {_type(each) for each in others}
        assert {_type(each) for each in own} <= types, f"{event} and {state} do not look in the same way"
        assert placeholders(own) == placeholders(others), f"{event} and {state} have other parameters"


def _type(entry: Any) -> str:
    return entry if isinstance(entry, str) else str(entry.get("type") or next(iter(entry)))
