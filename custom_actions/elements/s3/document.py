"""Reads the JSON of a resource policy: the statements, and what their patterns cover.

Source: IAM's reference of policy elements. An element may be one value or a list, Action is not case-sensitive, `*`
matches any characters and `?` any single one.
"""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ...wildcards import matches

Statement = Mapping[str, Any]

_ANY_TEXT, _ANY_OTHER_TEXT = "\x01", "\x02\x03/\x02"
"""Two strings that do not occur in policies: a pattern that matches both in one position matches everything there."""


def statements(document: str | None) -> list[Statement]:
    """The statements of a policy; empty without a policy. A single statement may stand without a list."""
    found = json.loads(document).get("Statement") if document else None
    return [found] if isinstance(found, Mapping) else list(found or ())


def values(element: Any) -> list[str]:
    """A single value or a list as a list of strings, with true and false as in JSON."""
    listed = element if isinstance(element, list) else [] if element is None else [element]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in listed]


def everyone(statement: Statement) -> bool:
    """Whether the statement applies to every principal, including those without credentials."""
    principal = statement.get("Principal")
    return "*" in values(principal.get("AWS") if isinstance(principal, Mapping) else principal)


def conditions(statement: Statement) -> Iterator[tuple[str, str, list[str]]]:
    """Each condition as operator, key and values. Operator and key are in lower case: they are not case-sensitive."""
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, wanted in keys.items():
            yield operator.lower(), key.lower(), values(wanted)


def covers(pattern: str, text: str) -> bool:
    """Whether `pattern` matches `text`. A text that ends with `*` means every text with that prefix."""
    if not text.endswith("*"):
        return matches(pattern, text)
    return all(matches(pattern, text[:-1] + some) for some in (_ANY_TEXT, _ANY_OTHER_TEXT))
