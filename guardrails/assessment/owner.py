"""Who answers for a resource, by its tags, and how long a finding has been open."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

OWNER_TAGS = ("owner", "team", "contact")
"""The keys of tags that name an owner, the first one first; upper and lower case make no difference."""


def owner_of(tags: Mapping[str, str], keys: Sequence[str] = OWNER_TAGS) -> str:
    """The value of the first of these tags that is not blank; empty if there is none, or if tags are unknown."""
    lower = {key.lower(): value for key, value in sorted(tags.items(), reverse=True)}
    return next((value for key in keys if (value := lower.get(key.lower(), "").strip())), "")


def days_open(first_seen: str, now: str) -> int | None:
    """The days between two ISO times; None in a run without a history."""
    if not first_seen:
        return None
    return max(0, (date.fromisoformat(now[:10]) - date.fromisoformat(first_seen[:10])).days)
