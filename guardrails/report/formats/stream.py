"""Streams JSON: long lists are iterators, and are never held in memory."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from .text import sound


def dumps(value: Any) -> str:
    """One value on one line, in ASCII, so that invisible characters are escaped. Unknown types (dates) become text."""
    return json.dumps(sound(value), default=str)


def write_array(stream: TextIO, items: Iterable[Any]) -> None:
    """Write a list with one item per line; an item that is a Mapping with an iterator in it is streamed too."""
    stream.write("[")
    for index, item in enumerate(items):
        stream.write(",\n" if index else "\n")
        _write(stream, item)
    stream.write("\n]")


def write_object(stream: TextIO, value: Mapping[str, Any]) -> None:
    """Write an object with one key per line; a value that is an iterator is written as a list, item by item."""
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
