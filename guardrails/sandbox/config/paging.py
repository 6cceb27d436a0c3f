"""Pages of a list: a token is the position of the next page."""
from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from .errors import ConfigError


def page(rows: Sequence[Any], limit: Any, token: str | None, *, default: int, most: int = 100) -> tuple[list[Any], str]:
    """Some of `rows`, and the token for more; empty when there are none. Raises ConfigError."""
    size = int(limit or default)
    if not 0 <= size <= most:
        raise ConfigError("InvalidLimitException", f"The limit {size} is not from 0 to {most}")
    try:
        start = int(base64.b64decode(token)) if token else 0
    except (binascii.Error, ValueError) as error:
        raise ConfigError("InvalidNextTokenException", "The token is not one that was given out") from error
    more = base64.b64encode(str(start + size).encode()).decode() if len(rows) > start + size else ""
    return list(rows[start:start + size]), more


def answer(key: str, rows: list[Any], token_key: str, token: str) -> dict[str, Any]:
    """A response with `rows`, and with the token if there are more."""
    return {key: rows, **({token_key: token} if token else {})}
