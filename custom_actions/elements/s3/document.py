"""Reading a resource policy's JSON: the statements, and what the patterns in them cover.

Source: IAM's reference of policy elements. An element may be one value or a list, Action is not case-sensitive,
`*` is any run of characters and `?` any one of them.
"""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ...wildcards import matches

Statement = Mapping[str, Any]

_ANY_TEXT, _ANY_OTHER_TEXT = "\x01", "\x02\x03/\x02"
"""Two strings that no policy spells out: a pattern that matches both in a place matches everything there."""


def statements(document: str | None) -> list[Statement]:
    """The statements of a policy; none where there is no policy. A single statement needs no list."""
    found = json.loads(document).get("Statement") if document else None
    return [found] if isinstance(found, Mapping) else list(found or ())


def values(element: Any) -> list[str]:
    """What one value or a list of values holds, true and false as JSON has them."""
    listed = element if isinstance(element, list) else [] if element is None else [element]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in listed]


def everyone(statement: Statement) -> bool:
    """Whether the statement applies to every principal, including those without credentials."""
    principal = statement.get("Principal")
    return "*" in values(principal.get("AWS") if isinstance(principal, Mapping) else principal)


def conditions(statement: Statement) -> Iterator[tuple[str, str, list[str]]]:
    """Each condition as operator, key and values; operator and key in lower case, as neither minds the case."""
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, wanted in keys.items():
            yield operator.lower(), key.lower(), values(wanted)


def covers(pattern: str, text: str) -> bool:
    """Whether `pattern` matches `text`. A text that ends with `*` is every text that begins with what is before it."""
    if not text.endswith("*"):
        return matches(pattern, text)
    return all(matches(pattern, text[:-1] + some) for some in (_ANY_TEXT, _ANY_OTHER_TEXT))
