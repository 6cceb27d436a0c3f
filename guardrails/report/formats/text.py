"""Text from AWS, made fit for a file: names and tags may hold anything, half a surrogate pair and NUL too.

What a format cannot hold becomes a visible escape (`\\x00`, `\\ud800`), never a silent gap.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")
# XML 1.0 knows these neither as they are nor as references. A carriage return is allowed, but readers turn it into a
# line feed.
_NOT_XML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def sound(value: Any) -> Any:
    """A value of JSON in which every text is valid Unicode; half a surrogate pair becomes its escape.

    Such a text cannot be written as UTF-8, and readers of JSON refuse it or lose it.
    """
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATE.sub(_escape, value)
    if isinstance(value, Mapping):
        return {sound(str(key)): sound(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [sound(item) for item in value]
    return value


def plain(value: object) -> str:
    """A value as text that XML and tables can hold: control characters but tab and line feed become escapes."""
    return _NOT_XML.sub(_escape, str(value))


def cut(value: object, limit: int) -> str:
    """A value as text of at most `limit` characters; what was cut off shows as an ellipsis."""
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def zulu(time: str) -> str:
    """An ISO 8601 time in UTC as formats ask for it that know no other zone: with a Z."""
    return time.replace("+00:00", "Z")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
