"""What undoes a call is written down before the call.

Receipts are written when a resource is fixed. A process that is killed in the middle, a full disk or a function's
time-out would leave changed resources with no way back. So each policy's output has a journal, `fixes.jsonl`: a line
before each call of a fix, with the calls that undo it, and a line with each receipt. Every line is on disk before the
call is made. A deployed function also logs the line, because its disk is gone when it is killed.

`interrupted` makes receipts of what was begun and not ended, for `heal`, `report` and `rollback`.
"""
from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from .receipt import Call, Outcome, log_line

JOURNAL = "fixes.jsonl"
"""The journal's name in a policy's output."""


class Journal:
    """The journal of one policy's fixes."""

    def __init__(self, action: Any) -> None:
        """`action`: the c7n action whose fixes it keeps. Without an output (in a test of an element) it only logs."""
        self._action = action
        root = getattr(action.manager.ctx.output, "root_dir", None)
        self._path = Path(root) / JOURNAL if root and Path(root).is_dir() else None
        self._resource: Mapping[str, Any] = {}

    @contextmanager
    def of(self, resource: Mapping[str, Any]) -> Iterator[None]:
        """While it lasts, the steps that are made belong to this resource (the head of a receipt)."""
        self._resource = resource
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def before(self, does: str, call: Call, inverse: Iterable[Call]) -> None:
        """Write down that a call is about to be made. Raises OSError when that is not possible."""
        self._write({
            **self._resource, "begins": does, "call": _plain(call), "inverse": [_plain(each) for each in inverse]})

    def ended(self, receipt: Mapping[str, Any]) -> None:
        """Write down the receipt of a resource. Raises OSError when that is not possible."""
        self._write({"receipt": receipt})

    def _write(self, entry: Mapping[str, Any]) -> None:
        line = log_line(entry)
        self._action.log.info("%s journal %s", self._action.type, line)
        if self._path is None:
            return
        # Appended in one write, readable by its owner only, and on disk before anything is called.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


_current: ContextVar[Journal | None] = ContextVar("journal", default=None)


def write_down(does: str, call: Call, inverse: Iterable[Call]) -> None:
    """Write a call into the journal of the fix that is running, if one is. Raises OSError."""
    if (journal := _current.get()) is not None:
        journal.before(does, call, inverse)


def interrupted(content: bytes) -> list[dict[str, Any]]:
    """The receipts in a journal, and for each resource whose fix began and did not end, one that says so.

    `content` may end in the middle of a line. What is not a line of a journal is skipped.
    """
    receipts: list[dict[str, Any]] = []
    begun: dict[tuple[str, ...], dict[str, Any]] = {}
    for line in content.split(b"\n"):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(entry, dict):
            continue
        if isinstance(entry.get("receipt"), dict):
            receipts.append(entry["receipt"])
            begun.pop(_key(entry["receipt"]), None)
        elif "begins" in entry:
            _add(begun.setdefault(_key(entry), _begun(entry)), entry)
    return [*receipts, *begun.values()]


def _key(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(entry.get(name, "")) for name in ("account", "region", "policy", "resource"))


def _begun(entry: Mapping[str, Any]) -> dict[str, Any]:
    head = {key: value for key, value in entry.items() if key not in ("begins", "call", "inverse")}
    return {
        **head, "outcome": Outcome.INTERRUPTED.value, "removed": [], "added": [], "inverse": [], "notes": [],
        "reason": "the process ended in the middle of this fix; each of these calls may have been made: "}


def _add(receipt: dict[str, Any], entry: Mapping[str, Any]) -> None:
    receipt["reason"] += ("; " if receipt["notes"] else "") + str(entry["begins"])
    receipt["notes"].append(str(entry["begins"]))
    # From the last call to the first.
    receipt["inverse"] = [*(entry.get("inverse") or ()), *receipt["inverse"]]


def _plain(call: Call) -> dict[str, Any]:
    return {"service": call.service, "operation": call.operation, "parameters": dict(call.parameters)}
