"""Patterns of policies, against regular expressions on short texts."""
from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from custom_actions.wildcards import matches

patterns = st.text("ab*?[", max_size=8)


@given(patterns, st.text("ab*?[\n", max_size=8))
def test_it_matches_what_a_regular_expression_matches(pattern: str, text: str) -> None:
    for any_one, never in ((".", ""), ("[^*]", "*")):
        parts = {"*": ".*", "?": any_one}
        expression = "".join(parts.get(character, re.escape(character)) for character in pattern)
        assert matches(pattern, text, never=never) is (re.fullmatch(expression, text, re.DOTALL) is not None)


def test_a_pattern_that_would_never_end_as_a_regular_expression() -> None:
    assert not matches("*a" * 60 + "b", "a" * 2000)
    assert matches("*a" * 60, "a" * 2000)
