"""Which tags are missing, empty, or have a value that is not allowed."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

ANY = "*"
"""As an allowed value: whatever is not empty."""


def wrong_tags(tags: Mapping[str, str], allowed: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with the tags, one reason in words for each wrong one; empty when all are right.

    Keys and values are compared letter by letter, as AWS keeps them.

    Args:
        tags: the resource's own, by key.
        allowed: for each key that must be there its allowed values, or `*`.
    """
    return [reason for key, values in allowed.items() if (reason := _wrong(key, tags.get(key), values))]


def _wrong(key: str, value: str | None, values: Sequence[str]) -> str:
    if value is None:
        return f"{key} is missing"
    if value in values:
        return "" if value else f"{key} is empty"
    if not value:
        return f"{key} is empty"
    return "" if ANY in values else f"{key} is {value!r}, not one of {', '.join(values)}"
