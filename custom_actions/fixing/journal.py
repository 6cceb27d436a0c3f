"""The journal of fixes: before each call, it records the calls that undo it.

A receipt is written only after a resource was fixed. If the process is killed, the disk is full or a function times
out in the middle of a fix, there is no receipt, and the changes could not be undone. So the output of each policy has a
journal, `fixes.jsonl`. It has a line for each call of a fix, with the calls that undo it, and a line for each receipt.
The line of a call is on disk before the call is made. A deployed function also logs the line, because its disk is lost
when it is killed.

`interrupted` creates receipts for fixes that were started but not completed, for `heal`, `report` and `rollback`.
"""
from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from .receipt import Call, Outcome, log_line

JOURNAL = "fixes.jsonl"
"""The file name of the journal in the output of a policy."""


class Journal:
    """The journal of one policy's fixes."""

    def __init__(self, action: Any) -> None:
        """`action`: the c7n action whose fixes it records. Without an output directory, it only logs."""
        self._action = action
        root = getattr(action.manager.ctx.output, "root_dir", None)
        self._path = Path(root) / JOURNAL if root and Path(root).is_dir() else None
        self._resource: Mapping[str, Any] = {}

    @contextmanager
    def of(self, resource: Mapping[str, Any]) -> Iterator[None]:
        """Inside this context, calls are recorded for this resource (the first fields of a receipt)."""
        self._resource = resource
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def before(self, does: str, call: Call, inverse: Iterable[Call]) -> None:
        """Record that a call is about to be made. Raises OSError if it cannot be recorded."""
        self._write({
            **self._resource, "begins": does, "call": _plain(call), "inverse": [_plain(each) for each in inverse]})

    def ended(self, receipt: Mapping[str, Any]) -> None:
        """Record the receipt of a resource. Raises OSError if it cannot be recorded."""
        self._write({"receipt": receipt})

    def _write(self, entry: Mapping[str, Any]) -> None:
        line = log_line(entry)
        self._action.log.info("%s journal %s", self._action.type, line)
        if self._path is None:
            return
        # Append in one write, readable by the owner only, and wait for the disk before any call is made.
        content = f"{line}\n".encode()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            before = os.fstat(descriptor).st_size
            if os.write(descriptor, content) != len(content):
                # The disk is full. Half a line would make the next line unreadable, too.
                os.ftruncate(descriptor, before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


_current: ContextVar[Journal | None] = ContextVar("journal", default=None)


def write_down(does: str, call: Call, inverse: Iterable[Call]) -> None:
    """Record a call in the journal of the running fix, if there is one. Raises OSError."""
    if (journal := _current.get()) is not None:
        journal.before(does, call, inverse)


def interrupted(content: bytes) -> list[dict[str, Any]]:
    """The receipts in a journal, and a receipt with the outcome `interrupted` for each fix that was not completed.

    `content` may end in the middle of a line. Lines that do not belong to a journal are skipped.
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
    # The last call is undone first.
    receipt["inverse"] = [*(entry.get("inverse") or ()), *receipt["inverse"]]


def _plain(call: Call) -> dict[str, Any]:
    return {"service": call.service, "operation": call.operation, "parameters": dict(call.parameters)}
