"""Parameters: the defaults of the file, the vars of an account, which override them, and the types of values."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from c7n.exceptions import PolicyValidationError

from custom_actions.parameters import placeholders
from tests import engine
from tests.moto_server import ACCOUNT, Moto


def policy(**parameters: Any) -> dict[str, Any]:
    return {
        "name": "p", "resource": "aws.ec2", "metadata": {"parameters": parameters},
        "filters": [{"type": "value", "key": "ImageId", "op": "in", "value": "{images}"},
                    {"type": "value", "key": "LaunchTime", "value_type": "age", "op": "gt", "value": "{days}"}],
    }


def values(data: dict[str, Any], output: Path, **variables: Any) -> list[Any]:
    made = engine.load(data, output, variables=variables)
    return [entry["value"] for entry in made.data["filters"]]


def test_a_default_keeps_its_type_and_may_use_the_account(moto: Moto, tmp_path: Path) -> None:
    assert values(policy(images=["ami-1", "{account_id}"], days=90), tmp_path) == [["ami-1", ACCOUNT], 90]


def test_the_value_of_an_account_overrides_the_default(moto: Moto, tmp_path: Path) -> None:
    assert values(policy(images=["ami-1"], days=90), tmp_path, days=30, other="x") == [["ami-1"], 30]


def test_the_vars_of_an_account_are_not_changed(moto: Moto, tmp_path: Path) -> None:
    given: dict[str, Any] = {"days": 30}
    engine.load(policy(images=[], days=90), tmp_path, variables=given)
    assert given == {"days": 30}


@pytest.mark.parametrize(("name", "value", "said"), [
    ("days", "30", "days must be a number, like its default 90; got a string: '30'"),
    ("days", True, "days must be a number, like its default 90; got true or false: True"),
    ("images", "ami-1", "images must be a list, like its default []; got a string: 'ami-1'"),
])
def test_a_value_of_another_kind_is_refused(moto: Moto, tmp_path: Path, name: str, value: Any, said: str) -> None:
    with pytest.raises(PolicyValidationError) as raised:
        values(policy(images=[], days=90), tmp_path, **{name: value})
    assert said in str(raised.value)


def test_names_in_braces() -> None:
    data = {"a": ["{one} and {two}", {"b": "{three}"}], "c": "{{escaped}} {3} {UPPER}", "d": 1}
    assert placeholders(data) == {"one", "two", "three"}
