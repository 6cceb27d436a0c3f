"""A policy's filters with one of them left out: a case must notice each."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Place = tuple[Any, ...]
"""Where a filter is: indexes of lists and keys of blocks."""


def leaves(filters: Any, path: Place = ()) -> Iterator[Place]:
    """Where each filter of a policy is, those inside blocks too."""
    for index, entry in enumerate(filters or ()):
        inside = _inside(entry)
        if inside:
            yield from leaves(entry[inside], (*path, index, inside))
        else:
            yield (*path, index)


def without(filters: list[Any], path: Place) -> list[Any]:
    """The filters less the one at `path`; a block that becomes empty goes too."""
    index, *rest = path
    if not rest:
        return [entry for at, entry in enumerate(filters) if at != index]
    block, *inner = rest
    left = without(filters[index][block], tuple(inner))
    kept = [{**filters[index], block: left}] if left else []
    return [*filters[:index], *kept, *filters[index + 1:]]


def filter_at(filters: Any, path: Place) -> Any:
    """The filter at a place; all filters for the empty one."""
    for step in path:
        filters = filters[step]
    return filters


def _inside(entry: Any) -> str | None:
    """The key of a block's list: and, or, not; `filters` for `scope`."""
    if not isinstance(entry, Mapping):
        return None
    if entry.get("type") == "scope":
        return "filters"
    block = next(iter(entry), None)
    return str(block) if len(entry) == 1 and block in ("and", "or", "not") else None
