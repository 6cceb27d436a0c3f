"""The meaning of CloudWatch Logs filter patterns, and whether one matches all events that another matches.

Patterns are compared by meaning: order, parentheses, white space, quotes, and further events that a pattern matches
make no difference. When two conditions cannot be compared, the result is None: unknown.

Source: CloudWatch Logs' "Filter pattern syntax for metric filters", the part on JSON log events. A condition on a
field that an event does not have, or that holds an array or an object, is false, `!=` too.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from itertools import chain, product
from math import prod

CASES_AT_MOST = 2000
"""The maximum number of combinations of alternatives to compare."""


NESTED_AT_MOST = 50
"""The maximum depth of parentheses."""


class PatternError(ValueError):
    """The pattern cannot be parsed."""


class Kind(Enum):
    """What a condition compares a field with."""

    NOTHING = "nothing"
    TEXT = "text"
    NUMBER = "number"
    REGEX = "regex"


@dataclass(frozen=True)
class Condition:
    """One comparison, for instance `$.eventName = "Delete*"`."""

    selector: str
    operator: str
    value: str = ""
    kind: Kind = Kind.NOTHING


@dataclass(frozen=True)
class All:
    """All parts must be true; without parts, every event matches."""

    parts: tuple[Expression, ...] = ()


@dataclass(frozen=True)
class AnyOf:
    """At least one part must be true."""

    parts: tuple[Expression, ...]


Expression = Condition | All | AnyOf


# -- reading ----------------------------------------------------------------------------------------------------


_TOKEN = re.compile(r"""
    \s*(?:
        (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<regex>%[^%]*%)
      | (?P<symbol>&&|\|\||!=|<=|>=|[()=<>])
      | (?P<word>[^\s(){}"'=!<>&|%]+)
    )""", re.VERBOSE)
_SELECTOR = re.compile(r"\$(?:\.[A-Za-z0-9_-]+|\.\*|\[(?:[0-9]+|\*)\])+")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {
    ("EXISTS",): "EXISTS", ("NOT", "EXISTS"): "NOT EXISTS",
    ("IS", "NULL"): "IS NULL", ("IS", "TRUE"): "IS TRUE", ("IS", "FALSE"): "IS FALSE",
}
_ORDER = ("<", "<=", ">", ">=")


def parse(text: str) -> Expression:
    """The expression of a whole pattern of a metric filter. An empty pattern matches every event.

    Raises PatternError for a pattern that is not for JSON events (terms, columns), or cannot be parsed.
    """
    text = text.strip()
    if not text:
        return All()
    if not (text.startswith("{") and text.endswith("}")):
        raise PatternError("not a pattern for JSON events")
    return parse_conditions(text[1:-1])


def parse_conditions(text: str) -> Expression:
    """The expression of a pattern without its outer braces. Raises PatternError."""
    reader = _Reader(list(_tokens(text)))
    expression = reader.any_of()
    if reader.left:
        raise PatternError(f"has an unexpected {reader.left[0][1]!r}")
    return expression


def whole(conditions: str) -> str:
    """The pattern for CloudWatch Logs, from one without its outer braces."""
    return f"{{ {' '.join(conditions.split())} }}"


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, text = 0, text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise PatternError(f"cannot be parsed at {text[at:].strip()[:20]!r}")
        yield str(found.lastgroup), found[str(found.lastgroup)]
        at = found.end()


class _Reader:
    """A recursive descent parser; `&&` has precedence over `||`."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.left = tokens
        self._depth = 0

    def any_of(self) -> Expression:
        parts = [self.all_of()]
        while self._skip("||"):
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def all_of(self) -> Expression:
        parts = [self.part()]
        while self._skip("&&"):
            parts.append(self.part())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def part(self) -> Expression:
        if self._skip("("):
            self._depth += 1
            if self._depth > NESTED_AT_MOST:
                raise PatternError("is nested too deeply")
            inner = self.any_of()
            self._depth -= 1
            if not self._skip(")"):
                raise PatternError("has an unclosed parenthesis")
            return inner
        return self.condition()

    def condition(self) -> Condition:
        kind, selector = self._next()
        if kind != "word" or not _SELECTOR.fullmatch(selector):
            raise PatternError(f"has {selector!r} where a property selector must be")
        kind, operator = self._next()
        if kind == "word":
            words: tuple[str, ...] = (operator.upper(),)
            if words not in _WORDS and self.left:
                words += (self._next()[1].upper(),)
            if words not in _WORDS:
                raise PatternError(f"has {' '.join(words)!r} where an operator must be")
            return Condition(selector, _WORDS[words])
        if operator not in ("=", "!=", *_ORDER):
            raise PatternError(f"has {operator!r} where an operator must be")
        return Condition(selector, operator, *self._value(operator))

    def _value(self, operator: str) -> tuple[str, Kind]:
        kind, value = self._next()
        if kind == "word" and _NUMBER.fullmatch(value):
            try:
                return str(Decimal(value).normalize()), Kind.NUMBER
            except ArithmeticError:
                raise PatternError(f"has the number {value!r}, which is too large") from None
        if operator in _ORDER:
            raise PatternError(f"has {value!r} after {operator}, which needs a number")
        if kind == "string":
            return re.sub(r"\\(.)", r"\1", value[1:-1]), Kind.TEXT
        if kind == "regex":
            return value, Kind.REGEX
        if kind != "word" or value.startswith("$"):
            raise PatternError(f"has {value!r} where a value must be")
        return value, Kind.TEXT

    def _next(self) -> tuple[str, str]:
        if not self.left:
            raise PatternError("ends too early")
        return self.left.pop(0)

    def _skip(self, symbol: str) -> bool:
        if self.left and self.left[0] == ("symbol", symbol):
            self.left.pop(0)
            return True
        return False


# -- comparing --------------------------------------------------------------------------------------------------


def cases(expression: Expression) -> list[frozenset[Condition]]:
    """The alternatives of an expression: in each, all of the conditions must be true.

    Raises PatternError when there are too many.
    """
    if _count(expression) > CASES_AT_MOST:
        raise PatternError(f"has more than {CASES_AT_MOST} combinations of alternatives")
    return list(_cases(expression))


def covers(found: Expression, wanted: Expression) -> bool | None:
    """Whether `found` matches every event that `wanted` matches; None when this cannot be determined.

    True is always correct. False may be too strict: one alternative of `found` must cover each case of `wanted`.
    Raises PatternError, like `cases`.
    """
    return _every(_entails(case, found) for case in cases(wanted))


def sources(expression: Expression) -> set[str]:
    """The services in the conditions on `$.eventSource`."""
    return {
        condition.value for case in cases(expression) for condition in case
        if condition.selector == "$.eventSource" and condition.operator == "="
    }


def _count(expression: Expression) -> int:
    if isinstance(expression, Condition):
        return 1
    counts = [_count(part) for part in expression.parts]
    return sum(counts) if isinstance(expression, AnyOf) else prod(counts)


def _cases(expression: Expression) -> Iterator[frozenset[Condition]]:
    if isinstance(expression, Condition):
        yield frozenset({expression})
    elif isinstance(expression, AnyOf):
        yield from chain.from_iterable(map(_cases, expression.parts))
    else:
        for combination in product(*(list(_cases(part)) for part in expression.parts)):
            yield frozenset().union(*combination)


def _entails(case: frozenset[Condition], expression: Expression) -> bool | None:
    """Whether `expression` matches every event for which all conditions of `case` are true."""
    if isinstance(expression, Condition):
        return _some(_implies(condition, expression) for condition in case)
    answers = (_entails(case, part) for part in expression.parts)
    return _some(answers) if isinstance(expression, AnyOf) else _every(answers)


def _every(answers: Iterable[bool | None]) -> bool | None:
    seen = set(answers)
    return False if False in seen else None if None in seen else True


def _some(answers: Iterable[bool | None]) -> bool | None:
    seen = set(answers)
    return True if True in seen else None if None in seen else False


def _implies(given: Condition, wanted: Condition) -> bool | None:
    """Whether `wanted` is true for every event for which `given` is true."""
    if given == wanted:
        return True
    if "*" in wanted.selector:
        return None  # it selects one of many fields, and it is unknown which
    if given.selector != wanted.selector:
        return False
    if wanted.operator == "EXISTS":
        return given.operator != "NOT EXISTS"
    if given.kind is Kind.NOTHING or wanted.kind is Kind.NOTHING:
        # `IS TRUE` and `= true`: AWS does not document which values of another type are equal to a string.
        return False if "NOT EXISTS" in (given.operator, wanted.operator) else None
    if wanted == Condition(wanted.selector, "=", "*", Kind.TEXT):
        return True
    if given.kind is not Kind.TEXT or wanted.kind is not Kind.TEXT:
        return None
    return _implies_text(given, wanted)


def _implies_text(given: Condition, wanted: Condition) -> bool | None:
    mine, theirs = _Glob.of(given.value), _Glob.of(wanted.value)
    if mine is None or theirs is None:
        return None
    if given.operator == wanted.operator:
        return mine.within(theirs) if given.operator == "=" else theirs.within(mine)
    return given.operator == "=" and mine.apart_from(theirs)


@dataclass(frozen=True)
class _Glob:
    """A string in which `*` at either end matches anything."""

    before: bool
    core: str
    after: bool

    @classmethod
    def of(cls, text: str) -> _Glob | None:
        """None for a `*` inside the string: AWS does not document its meaning."""
        core = text.strip("*")
        if "*" in core:
            return None
        return cls(text.startswith("*"), core, text.endswith("*"))

    def within(self, other: _Glob) -> bool:
        """Whether the other matches every string that this matches."""
        if not other.core and other.before:
            return True
        if other.before and other.after:
            return other.core in self.core
        if other.after:
            return not self.before and self.core.startswith(other.core)
        if other.before:
            return not self.after and self.core.endswith(other.core)
        return self == other

    def apart_from(self, other: _Glob) -> bool:
        """Whether certainly no string matches both."""
        if not (self.before or self.after):
            return not self.within(other)
        if not (other.before or other.after):
            return not other.within(self)
        if not (self.before or other.before):
            return not (self.core.startswith(other.core) or other.core.startswith(self.core))
        if not (self.after or other.after):
            return not (self.core.endswith(other.core) or other.core.endswith(self.core))
        return False
