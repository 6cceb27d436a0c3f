"""Which tags are missing, empty, or have a value that is not allowed."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

ANY = "*"
"""As an allowed value: any value that is not empty."""


def wrong_tags(tags: Mapping[str, str], allowed: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with the tags: one reason for each wrong tag; empty if all are correct.

    The comparison is case-sensitive, as in AWS.

    Args:
        tags: the resource's tags, by key.
        allowed: the allowed values of each required key, or `*`.
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
