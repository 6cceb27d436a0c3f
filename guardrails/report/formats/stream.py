"""JSON that is written as it comes: its long lists are iterators, and are never held."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from .text import sound


def dumps(value: Any) -> str:
    """One value on one line, in ASCII: what is invisible shows as an escape. What JSON does not know becomes text."""
    return json.dumps(sound(value), default=str)


def write_array(stream: TextIO, items: Iterable[Any]) -> None:
    """A list, an item a line; an item that is a Mapping with an iterator in it is streamed too."""
    stream.write("[")
    for index, item in enumerate(items):
        stream.write(",\n" if index else "\n")
        _write(stream, item)
    stream.write("\n]")


def write_object(stream: TextIO, value: Mapping[str, Any]) -> None:
    """An object, a key a line. A value that is an iterator is written as a list, item by item."""
    stream.write("{")
    for index, (key, item) in enumerate(value.items()):
        stream.write(",\n" if index else "\n")
        stream.write(f"{dumps(key)}: ")
        _write(stream, item)
    stream.write("\n}")


def _write(stream: TextIO, value: Any) -> None:
    if not _streams(value):
        stream.write(dumps(value))
    elif isinstance(value, Mapping):
        write_object(stream, value)
    else:
        write_array(stream, value)


def _streams(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_streams(item) for item in value.values())
    return isinstance(value, Iterator) or (isinstance(value, list) and any(_streams(item) for item in value))
