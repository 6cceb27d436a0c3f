"""Small values that the parallel instances of all functions of an account and region share, in a DynamoDB table.

Lambda runs many instances of a function at once, and their memory is their own. `deploy` makes the table
(guardrails/deployment/shared.py). Without the table, or without permission to use it, the values are kept in the memory
of the running instance, which other instances do not see; the log says so once.

Whoever may write to the table may change the values, so callers check what they read. Nothing that is read leads to a
call of AWS: a value can only make us stop a fix, or not repeat an alert.

Source: DynamoDB's guide, "Condition expressions" and "Using time to live (TTL)"; an expired item can be there for days.
"""
from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import boto3
from botocore.config import Config

from ..names import STATE_TABLE
from .calls import AWS_ERRORS, code_of, reason_of

log = logging.getLogger("custodian.guardrails.state")

KEY, TEXT, VERSION, EXPIRES = "key", "text", "version", "expires"
"""The attributes of an item. EXPIRES is its TTL attribute, in seconds since 1970."""
LONGEST_TEXT = 200_000
"""Characters of a value; DynamoDB accepts items of 400 KB."""
# A fix must not wait for the table: its own calls matter more.
_CLIENT = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "max_attempts": 3})
_CONFLICT = "ConditionalCheckFailedException"
_Answer = TypeVar("_Answer")
_TRY_AGAIN_SECONDS = 300.0
"""How long only the memory is used after the table could not be."""


@dataclass(frozen=True)
class SharedValue:
    """A value and its version, which a write must name: it fails when someone else has written in the meantime."""

    text: str = ""
    """Empty if there is none. Whoever may write to the table chooses it."""
    version: Any = None
    """None if there is none."""


class _Place(Protocol):
    """Where values are kept: the table, or the memory."""

    def read(self, key: str) -> SharedValue: ...

    def write(self, key: str, text: str, version: Any, expires: int) -> bool: ...

    def first_time(self, key: str, now: int, expires: int) -> bool: ...

    def forget(self, key: str) -> None: ...


class _Table:
    """The table. Its methods raise one of AWS_ERRORS."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, key: str) -> SharedValue:
        found = self._client.get_item(
            TableName=STATE_TABLE, Key={KEY: {"S": key}}, ConsistentRead=True).get("Item") or {}
        text = found.get(TEXT, {}).get("S", "")
        return SharedValue(text if len(text) <= LONGEST_TEXT else "", found.get(VERSION))

    def write(self, key: str, text: str, version: Any, expires: int) -> bool:
        return self._put({
            KEY: {"S": key}, TEXT: {"S": text}, VERSION: {"S": uuid.uuid4().hex}, EXPIRES: {"N": str(expires)}},
            **({"ConditionExpression": "#version = :version", "ExpressionAttributeNames": {"#version": VERSION},
                "ExpressionAttributeValues": {":version": version}} if version else
               {"ConditionExpression": "attribute_not_exists(#version)",
                "ExpressionAttributeNames": {"#version": VERSION}}))

    def first_time(self, key: str, now: int, expires: int) -> bool:
        return self._put(
            {KEY: {"S": key}, EXPIRES: {"N": str(expires)}},
            # An item that expires later than this function ever writes is not its own, and silences nothing.
            ConditionExpression="attribute_not_exists(#key) OR #expires <= :now OR #expires > :latest",
            ExpressionAttributeNames={"#key": KEY, "#expires": EXPIRES},
            ExpressionAttributeValues={":now": {"N": str(now)}, ":latest": {"N": str(expires + 60)}})

    def forget(self, key: str) -> None:
        self._client.delete_item(TableName=STATE_TABLE, Key={KEY: {"S": key}})

    def _put(self, item: Mapping[str, Any], **condition: Any) -> bool:
        try:
            self._client.put_item(TableName=STATE_TABLE, Item=item, **condition)
        except AWS_ERRORS as error:
            if code_of(error) == _CONFLICT:
                return False
            raise
        return True


class _Memory:
    """The memory of this instance."""

    def __init__(self) -> None:
        self._values: dict[str, SharedValue] = {}
        self._told: dict[str, int] = {}
        self._lock = threading.Lock()

    def read(self, key: str) -> SharedValue:
        return self._values.get(key, SharedValue())

    def write(self, key: str, text: str, version: Any, expires: int) -> bool:
        with self._lock:
            if self.read(key).version != version:
                return False
            self._values[key] = SharedValue(text, uuid.uuid4().hex)
            return True

    def first_time(self, key: str, now: int, expires: int) -> bool:
        with self._lock:
            if self._told.get(key, 0) > now:
                return False
            self._told[key] = expires
            return True

    def forget(self, key: str) -> None:
        with self._lock:
            self._told.pop(key, None)
            self._values.pop(key, None)


class SharedState:
    """The shared values of one account and region. None of its methods raises."""

    def __init__(self, client: Any) -> None:
        """`client`: DynamoDB's boto3 client, with the credentials of the function itself."""
        self._table, self._memory = _Table(client), _Memory()
        self._memory_until = 0.0
        self._said = False

    def read(self, key: str) -> SharedValue:
        """The value of `key`."""
        return self._ask(lambda place: place.read(key))

    def write(self, key: str, text: str, *, version: Any, keep: timedelta) -> bool:
        """Write a value, to be deleted after `keep`, unless it has another version than `version` by now."""
        expires = int(time.time() + keep.total_seconds())
        return self._ask(lambda place: place.write(key, text, version, expires))

    def first_time(self, key: str, window: timedelta) -> bool:
        """Whether this is the first call with `key` within `window`, by any function of the account and region."""
        now = int(time.time())
        return self._ask(lambda place: place.first_time(key, now, now + int(window.total_seconds())))

    def forget(self, key: str) -> None:
        """Forget a value, or that `first_time` was called."""
        self._ask(lambda place: place.forget(key))

    def _ask(self, question: Callable[[_Place], _Answer]) -> _Answer:
        if time.monotonic() >= self._memory_until:
            try:
                return question(self._table)
            except AWS_ERRORS as error:
                self._memory_until = time.monotonic() + _TRY_AGAIN_SECONDS
                if not self._said:
                    self._said = True
                    log.warning(
                        "the table %s cannot be used (%s): how often a resource was fixed, and what was reported, is "
                        "known to this instance only; `guardrails deploy` creates the table",
                        STATE_TABLE, reason_of(error))
        return question(self._memory)


_states: dict[str, SharedState] = {}


def state_of(function_arn: str) -> SharedState | None:
    """The values that the function of this ARN shares with the others; None outside Lambda, where the ARN is empty."""
    if function_arn.count(":") < 4:
        return None
    region = function_arn.split(":")[3]
    if region not in _states:
        # In a hub, the policy's own session is in a member account.
        _states[region] = SharedState(boto3.Session(region_name=region).client("dynamodb", config=_CLIENT))
    return _states[region]


def forget_states() -> None:
    """Forget the tables and the memory, as a new instance would."""
    _states.clear()
