"""Who answers for a resource, and since when a finding is open."""
from __future__ import annotations

import pytest

from guardrails.assessment.owner import days_open, owner_of


@pytest.mark.parametrize(("tags", "keys", "owner"), [
    ({"Team": "b", "OWNER": "a"}, ("owner", "team"), "a"), ({"Team": "b", "owner": " "}, ("owner", "team"), "b"),
    ({"owner": "x", "Owner": "y"}, ("owner",), "y"), ({"Name": "x"}, ("owner", "team"), ""), ({}, ("owner",), ""),
    ({"squad": "s", "owner": "x"}, ("Squad",), "s"),
])
def test_the_first_key_with_a_value_names_the_owner(tags: dict[str, str], keys: tuple[str, ...], owner: str) -> None:
    assert owner_of(tags, keys) == owner


@pytest.mark.parametrize(("first", "days"), [
    ("", None), ("2026-11-24T06:00:00+00:00", 0), ("2026-11-20T23:00:00+00:00", 4), ("2026-12-01T00:00:00+00:00", 0)])
def test_days_open_need_a_history(first: str, days: int | None) -> None:
    assert days_open(first, "2026-11-24T06:00:04+00:00") == days
