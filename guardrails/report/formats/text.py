"""Makes text from AWS safe for files: names and tags may contain anything, even NUL and half of a surrogate pair.

A character that a format does not allow becomes a visible escape (`\\x00`, `\\ud800`); it is never dropped.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")
# XML 1.0 allows these neither as characters nor as references. It allows a carriage return, but parsers turn it into a
# line feed.
_NOT_XML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def sound(value: Any) -> Any:
    """The JSON value with valid Unicode in every text: half of a surrogate pair is replaced by its escape.

    UTF-8 cannot encode it, and JSON parsers reject or drop it.
    """
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATE.sub(_escape, value)
    if isinstance(value, Mapping):
        return {sound(str(key)): sound(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [sound(item) for item in value]
    return value


def plain(value: object) -> str:
    """The value as text for XML and tables: control characters except tab and line feed become escapes."""
    return _NOT_XML.sub(_escape, str(value))


def cut(value: object, limit: int) -> str:
    """The value as text of at most `limit` characters; an ellipsis marks a cut."""
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def zulu(time: str) -> str:
    """An ISO 8601 time in UTC with a Z, for formats that accept no other zone."""
    return time.replace("+00:00", "Z")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
