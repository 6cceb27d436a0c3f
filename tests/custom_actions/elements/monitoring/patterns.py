"""Generated filter patterns, ways to write them, and what AWS says that they match."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from custom_actions.elements.monitoring.pattern import All, AnyOf, Condition, Expression, Kind

SELECTORS = ("$.eventName", "$.userIdentity.type")
TEXTS = ("a", "ab", "b", "ba", "*", "a*", "*a", "*a*", "ab*", "*b")
MISSING = object()
VALUES: tuple[Any, ...] = ("a", "ab", "b", "ba", "aba", "c", "", 1, 401, True, None, [], MISSING)
"""What a field of an event can hold. Few of them, so that patterns and events really meet."""

conditions = st.one_of(
    st.builds(Condition, st.sampled_from(SELECTORS), st.sampled_from(("=", "!=")), st.sampled_from(TEXTS),
              st.just(Kind.TEXT)),
    st.builds(Condition, st.sampled_from(SELECTORS), st.sampled_from(("=", "!=", ">=", "<")),
              st.sampled_from(("1", "400.5")), st.just(Kind.NUMBER)),
    st.builds(Condition, st.sampled_from(SELECTORS),
              st.sampled_from(("EXISTS", "NOT EXISTS", "IS NULL", "IS TRUE", "IS FALSE"))),
)
expressions = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=6,
)
events = st.fixed_dictionaries({selector: st.sampled_from(VALUES) for selector in SELECTORS})
"""An event, by selector: what the field holds, or MISSING."""


@st.composite
def written(draw: st.DrawFn, expression: Expression) -> str:
    """The expression in one of its spellings: another order, more parentheses, other white space and quotes."""
    return f"{{{_space(draw)}{_written(draw, expression, inside=AnyOf)}{_space(draw)}}}"


def matches(expression: Expression, event: Mapping[str, Any]) -> bool:
    """Whether AWS takes the event to match."""
    if isinstance(expression, All):
        return all(matches(part, event) for part in expression.parts)
    if isinstance(expression, AnyOf):
        return any(matches(part, event) for part in expression.parts)
    value = event[expression.selector]
    found = {
        "EXISTS": value is not MISSING, "NOT EXISTS": value is MISSING,
        "IS NULL": value is None, "IS TRUE": value is True, "IS FALSE": value is False,
    }
    if expression.operator in found:
        return found[expression.operator]
    if not isinstance(value, str | int) or isinstance(value, bool):
        return False  # not there, or no value node
    if expression.kind is Kind.NUMBER:
        return _compare(value, expression)
    same = _glob(expression.value, str(value))
    return same if expression.operator == "=" else not same


def _compare(value: str | int, expression: Condition) -> bool:
    if isinstance(value, str):
        return expression.operator == "!="
    number = float(expression.value)
    return {
        "=": value == number, "!=": value != number, ">=": value >= number, "<": value < number,
    }[expression.operator]


def _glob(pattern: str, text: str) -> bool:
    core = pattern.strip("*")
    if pattern.startswith("*") and (pattern.endswith("*") or not core):
        return core in text
    if pattern.endswith("*"):
        return text.startswith(core)
    return text.endswith(core) if pattern.startswith("*") else text == core


def _written(draw: st.DrawFn, expression: Expression, inside: type) -> str:
    if isinstance(expression, Condition):
        text = _condition(draw, expression)
        needed = False
    else:
        parts = draw(st.permutations(expression.parts))
        symbol = "&&" if isinstance(expression, All) else "||"
        text = f"{_space(draw)}{symbol}{_space(draw)}".join(
            _written(draw, part, type(expression)) for part in parts)
        needed = isinstance(expression, AnyOf) and inside is All
    while needed or draw(st.integers(0, 4)) == 4:
        text, needed = f"({_space(draw)}{text}{_space(draw)})", False
    return text


def _condition(draw: st.DrawFn, condition: Condition) -> str:
    if condition.kind is Kind.NOTHING:
        words = draw(st.sampled_from((condition.operator, condition.operator.lower())))
        return f"{condition.selector} {words}"
    quoted = condition.kind is Kind.TEXT and draw(st.booleans())
    value = f'"{condition.value}"' if quoted else condition.value
    return f"{condition.selector}{_space(draw)}{condition.operator}{_space(draw)}{value}"


def _space(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(("", " ", "\n  ")))
