"""The values that made a resource match, for the findings of a report and for AWS Config's annotations."""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from c7n.utils import jmespath_search

from ..fixing import RECEIPTS

_MATCHED = "c7n:MatchedFilters"


LONGEST = 2000
"""The characters of JSON to which a value in a finding is shortened."""


def evidence(resource: Mapping[str, Any], limit: int = LONGEST) -> dict[str, Any]:
    """The values of the keys that value filters matched, and the annotations of c7n's and our filters.

    Args:
        resource: the resource with the annotations of the filters.
        limit: about the number of characters of JSON to which a value is shortened. The shortest parts of a mapping
            and the first ones of a list are kept whole: what decided is a flag, a name or a rule, and not a long text.
    """
    found: dict[str, Any] = {}
    matched = resource.get(_MATCHED)
    for key in matched if isinstance(matched, list) else ():
        if isinstance(key, str):
            found[key] = _value(resource, key)
    for key, value in resource.items():
        # The result of a fix is not evidence of the drift.
        if key.startswith(("c7n:", "c7n.")) and key not in (_MATCHED, RECEIPTS):
            found[key] = value
    return {key: _short(value, limit) for key, value in found.items()}


def sentence(resource: Mapping[str, Any], limit: int) -> str:
    """The evidence in one line of at most `limit` characters; empty when there is none.

    Short values come first: a long annotation about a related resource would leave no room for them.
    """
    parts = [
        f"{key.removeprefix('c7n:').removeprefix('c7n.')}: {_said(value)}"
        for key, value in evidence(resource, limit).items()
    ]
    said = "; ".join(sorted(parts, key=lambda part: len(part) > limit // 2))
    return said if len(said) <= limit else said[: limit - 1] + "…"


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return ", ".join(value)
    return json.dumps(value, default=str)


def _value(resource: Mapping[str, Any], key: str) -> Any:
    if key.startswith("tag:"):
        tags = {tag.get("Key"): tag.get("Value") for tag in resource.get("Tags") or () if isinstance(tag, Mapping)}
        return tags.get(key[4:])
    if key in resource:
        return resource[key]
    try:
        return jmespath_search(key, resource)
    except ValueError:  # the base class of all jmespath errors
        return None


def _short(value: Any, limit: int) -> Any:
    """The value in at most about `limit` characters of JSON, of the same kind; `…` marks what is left out."""
    if _size(value) <= limit:
        return value
    if isinstance(value, Mapping):
        kept: dict[Any, Any] = {}
        for number, (key, entry) in enumerate(sorted(value.items(), key=lambda pair: _size(pair[1]))):
            # What short entries leave is shared by the longer ones.
            room = (limit - _size(kept)) // (len(value) - number) - _size(key) - 4
            if room <= 0:
                break
            kept[key] = _short(entry, room)
        left = len(value) - len(kept)
        return {**{key: kept[key] for key in value if key in kept}, **({"…": f"{left} more"} if left else {})}
    if isinstance(value, list | tuple):
        entries: list[Any] = []
        for entry in value:
            room = limit - _size(entries)
            if entries and _size(entry) > room:
                break
            entries.append(_short(entry, room))
        left = len(value) - len(entries)
        return [*entries, *([f"… {left} more"] if left else [])]
    text = value if isinstance(value, str) else str(value)
    return text[:max(limit - 3, 0)] + "…"


def _size(value: Any) -> int:
    return len(json.dumps(value, default=str))
