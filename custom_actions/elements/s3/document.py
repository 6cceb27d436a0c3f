"""Reading a resource policy's JSON: the statements, and what the patterns in them cover.

Source: IAM's reference of policy elements. An element may be one value or a list, Action is not case-sensitive,
`*` is any run of characters and `?` any one of them.
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

Statement = Mapping[str, Any]

_ANY_TEXT, _ANY_OTHER_TEXT = "\x01", "\x02\x03/\x02"
"""Two texts that no policy spells out: a pattern that takes both in a place takes everything there."""


def statements(document: str | None) -> list[Statement]:
    """The statements of a policy; none of a policy that is not there. A single statement may stand without a list."""
    found = json.loads(document).get("Statement") if document else None
    return [found] if isinstance(found, Mapping) else list(found or ())


def values(element: Any) -> list[str]:
    """What one value or a list of values holds, true and false as JSON has them."""
    listed = element if isinstance(element, list) else [] if element is None else [element]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in listed]


def everyone(statement: Statement) -> bool:
    """Whether the statement speaks of every principal, those without credentials among them."""
    principal = statement.get("Principal")
    return "*" in values(principal.get("AWS") if isinstance(principal, Mapping) else principal)


def conditions(statement: Statement) -> Iterator[tuple[str, str, list[str]]]:
    """Each condition as operator, key and values; operator and key in lower case, as neither minds the case."""
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, wanted in keys.items():
            yield operator.lower(), key.lower(), values(wanted)


def covers(pattern: str, text: str) -> bool:
    """Whether `pattern` matches `text`. A text that ends with `*` stands for all that begin with what is before it."""
    if not text.endswith("*"):
        return bool(_compiled(pattern).fullmatch(text))
    return all(_compiled(pattern).fullmatch(text[:-1] + some) for some in (_ANY_TEXT, _ANY_OTHER_TEXT))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(character, re.escape(character)) for character in pattern), re.DOTALL)
