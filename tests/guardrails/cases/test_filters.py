"""Filters left out one by one, those in blocks too."""
from __future__ import annotations

from guardrails.cases.filters import filter_at, leaves, without

FILTERS = [
    {"type": "scope", "filters": [{"tag:a": "b"}]},
    {"or": [{"State": "x"}, {"not": [{"and": ["y", {"Key": 1}]}]}]},
    "unused",
    {"Key": 2},
]


def test_every_filter_is_left_out_once_and_an_empty_block_goes_too() -> None:
    places = list(leaves(FILTERS))
    assert [filter_at(FILTERS, place) for place in places] == [
        {"tag:a": "b"}, {"State": "x"}, "y", {"Key": 1}, "unused", {"Key": 2}]
    assert [without(FILTERS, place) for place in places] == [
        FILTERS[1:],
        [FILTERS[0], {"or": [{"not": [{"and": ["y", {"Key": 1}]}]}]}, *FILTERS[2:]],
        [FILTERS[0], {"or": [{"State": "x"}, {"not": [{"and": [{"Key": 1}]}]}]}, *FILTERS[2:]],
        [FILTERS[0], {"or": [{"State": "x"}, {"not": [{"and": ["y"]}]}]}, *FILTERS[2:]],
        [*FILTERS[:2], FILTERS[3]],
        FILTERS[:3],
    ]
    assert without([{"not": ["x"]}], (0, "not", 0)) == []
