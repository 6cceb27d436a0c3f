"""Which tags are wrong, and how that is said."""
from __future__ import annotations

import pytest

from custom_actions.elements.ec2.tags import wrong_tags

ALLOWED = {"Environment": ["Dev", "Prod"], "Owner": ["*"]}


@pytest.mark.parametrize(("tags", "reasons"), [
    ({"Environment": "Dev", "Owner": "me"}, []),
    ({"Environment": "Dev", "Owner": "me", "More": ""}, []),
    ({}, ["Environment is missing", "Owner is missing"]),
    ({"Environment": "dev", "Owner": "me"}, ["Environment is 'dev', not one of Dev, Prod"]),
    ({"environment": "Dev", "Owner": "me"}, ["Environment is missing"]),
    ({"Environment": "Dev", "Owner": ""}, ["Owner is empty"]),
    ({"Environment": "", "Owner": "*"}, ["Environment is empty"]),
    ({"Environment": "Dev,Prod", "Owner": " "}, ["Environment is 'Dev,Prod', not one of Dev, Prod"]),
])
def test_reasons(tags: dict[str, str], reasons: list[str]) -> None:
    assert wrong_tags(tags, ALLOWED) == reasons


def test_a_star_among_values_allows_any_and_nothing_required_is_nothing_wrong() -> None:
    assert wrong_tags({"Owner": "you"}, {"Owner": ["me", "*"]}) == []
    assert wrong_tags({}, {}) == []


def test_an_empty_value_is_never_allowed() -> None:
    assert wrong_tags({"Owner": ""}, {"Owner": ["", "me"]}) == ["Owner is empty"]
