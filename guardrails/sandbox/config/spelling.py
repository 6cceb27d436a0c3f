"""Converts API responses to AWS Config's format: keys in lower camel case, times as text in whole milliseconds."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def spelled(value: Any, exceptions: Mapping[str, str]) -> Any:
    """`value` as in an item. `exceptions` are keys that follow no rule."""
    if isinstance(value, Mapping):
        return {exceptions.get(key, decapitalised(key)): spelled(inner, exceptions) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [spelled(inner, exceptions) for inner in value]
    return timestamp(value) if isinstance(value, datetime) else value


def decapitalised(key: str) -> str:
    """`GroupId` as `groupId`, and `DBInstanceArn` as `dBInstanceArn`: only the first letter."""
    return key[:1].lower() + key[1:]


def timestamp(time: datetime) -> str:
    """`2016-02-17T01:36:34.043Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z"


def tags_of(tags: Any) -> dict[str, str]:
    """Tags in any of the services' forms as a mapping."""
    if isinstance(tags, Mapping):
        return dict(tags)
    return {tag.get("Key", tag.get("TagKey")): tag.get("Value", tag.get("TagValue")) for tag in tags or ()}
