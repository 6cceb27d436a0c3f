"""What a finding keeps of the values that made a resource match: never without what decided."""
from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from custom_actions.resources.matched_values import LONGEST, evidence

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(), inner, max_size=9), max_leaves=60)


def kept(value: Any, limit: int = LONGEST) -> Any:
    return evidence({"c7n:Found": value}, limit)["c7n:Found"]


def test_a_long_value_stays_a_value_with_its_short_parts() -> None:
    image = {
        "BlockDeviceMappings": [{"Ebs": {"SnapshotId": f"snap-{number:017}"}} for number in range(200)],
        "ImageId": "ami-1", "OwnerId": "111111111111", "Public": True, "Description": "x" * 5000}
    found = kept(image)
    assert {key: found[key] for key in ("ImageId", "OwnerId", "Public")} == {
        "ImageId": "ami-1", "OwnerId": "111111111111", "Public": True}
    assert found["BlockDeviceMappings"][0] == image["BlockDeviceMappings"][0]
    assert found["BlockDeviceMappings"][-1].startswith("… ") and len(json.dumps(found)) < LONGEST + 100


def test_the_first_lines_of_a_list_are_whole() -> None:
    lines = [f"revoke tcp {port} from 0.0.0.0/0" for port in range(1000)]
    found = kept(lines)
    assert found[:-1] == lines[:len(found) - 1] and len(found) > 40
    assert found[-1] == f"… {1000 - len(found) + 1} more"


@given(JSON)
def test_what_fits_is_kept_as_it_is(value: Any) -> None:
    assert kept(value, len(json.dumps(value))) == value


@given(JSON, st.integers(40, 300))
def test_the_rest_is_bounded_and_of_the_same_kind(value: Any, limit: int) -> None:
    found = kept(value, limit)
    assert len(json.dumps(found, ensure_ascii=False)) <= 2 * limit
    if isinstance(value, dict | list):
        assert type(found) is type(value)
