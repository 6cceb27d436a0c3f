"""Streams JSON: long lists are iterators, and are never held in memory."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from .text import sound


class _StreamedInside(Exception):
    """The value has an iterator in it, so it is not encoded in one piece."""


def _other(value: Any) -> Any:
    """What JSON does not know: a mapping of another type, or text (dates)."""
    if isinstance(value, Iterator):
        raise _StreamedInside
    return sound(value) if isinstance(value, Mapping) else str(value)


# What is written comes from a file or is made here, so it has no circles to look for.
_encode = json.JSONEncoder(default=_other, check_circular=False).encode


def dumps(value: Any) -> str:
    """One value on one line, in ASCII, so that invisible characters are escaped. Unknown types (dates) become text."""
    try:
        return _encoded(value)
    except _StreamedInside:
        return json.dumps(sound(value), default=str)


def array_pieces(items: Iterable[Any]) -> Iterator[str]:
    """A list with one item per line; an item that is a Mapping with an iterator in it is streamed too."""
    yield "["
    before = "\n"
    for item in items:
        yield from _pieces(item, before)
        before = ",\n"
    yield "\n]"


def object_pieces(value: Mapping[str, Any]) -> Iterator[str]:
    """An object with one key per line; a value that is an iterator is written as a list, item by item."""
    yield "{"
    before = "\n"
    for key, item in value.items():
        yield from _pieces(item, f"{before}{dumps(key)}: ")
        before = ",\n"
    yield "\n}"


def _pieces(value: Any, before: str) -> Iterator[str]:
    """What comes before the value, and the value."""
    text = ""
    if not isinstance(value, Iterator):
        with suppress(_StreamedInside):
            text = _encoded(value)
    if text:
        yield before + text
    else:
        yield before
        yield from object_pieces(value) if isinstance(value, Mapping) else array_pieces(value)


def _encoded(value: Any) -> str:
    """Raises _StreamedInside."""
    try:
        text = _encode(value)
    except TypeError:  # a key that is not text
        return json.dumps(sound(value), default=str)
    # Half of a surrogate pair is written as \ud8.. to \udf..; to look for it in the text is faster than in each value.
    return json.dumps(sound(value), default=str) if "\\ud" in text else text
