"""The values that made a resource match, for the findings of a report and for AWS Config's annotations."""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from c7n.utils import jmespath_search

from ..fixing import RECEIPTS

_MATCHED = "c7n:MatchedFilters"


def evidence(resource: Mapping[str, Any], limit: int = 500) -> dict[str, Any]:
    """The values of the keys that value filters matched, and the annotations of c7n's and our filters.

    Args:
        resource: the resource with the annotations of the filters.
        limit: the number of characters of JSON to which a value is cut.
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
    shown = json.dumps(value, default=str)
    return value if len(shown) <= limit else shown[:limit] + "…"
