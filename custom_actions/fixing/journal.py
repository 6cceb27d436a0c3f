"""The journal of fixes: before each call, it records the calls that undo it.

A receipt is written only after a resource was fixed. If the process is killed, the disk is full or a function times
out in the middle of a fix, there is no receipt, and the changes could not be undone. So the output of each policy has a
journal, `fixes.jsonl`. It has a line for each call of a fix, with the calls that undo it, and a line for each receipt.
The line of a call is on disk before the call is made. A deployed function also logs the line, because its disk is lost
when it is killed. A rollback keeps the same journal of its own calls. docs/receipts.md describes the lines.

`interrupted` creates receipts for fixes that were started but not completed, for `heal`, `report` and `rollback`.
"""
from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from .receipt import ROLLS_BACK, UNDID, Call, Outcome, log_line

JOURNAL = "fixes.jsonl"
"""The file name of the journal in the output of a policy."""
STEP = ("format", "id", "sequence", "resource", "resource_type", "account", "region", "policy", "action", "at")
"""The fields that a step has of its receipt."""


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
        before, self._resource = self._resource, resource
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)
            self._resource = before

    @contextmanager
    def about(self, fields: Mapping[str, str]) -> Iterator[None]:
        """Inside this context, these fields override those of the resource."""
        with self.of({**self._resource, **fields}):
            yield

    def before(
        self, does: str, call: Call, inverse: Iterable[Call], removed: Mapping[str, Any], added: Mapping[str, Any]
    ) -> None:
        """Record that a call is about to be made. Raises OSError if it cannot be recorded."""
        self._write({
            **self._resource, "begins": does, "call": _plain(call), "inverse": [_plain(each) for each in inverse],
            **{name: [change] for name, change in (("removed", removed), ("added", added)) if change}})

    def ended(self, receipt: Mapping[str, Any]) -> None:
        """Record the receipt of a resource. Raises OSError if it cannot be recorded."""
        self._write({"receipt": receipt})

    def _write(self, entry: Mapping[str, Any]) -> None:
        line = log_line(entry)
        self._action.log.info("%s journal %s", self._action.type, line)
        if self._path is None:
            return
        add_line(self._path, line)


def add_line(path: Path, line: str) -> None:
    """Append a line to a journal in one write, readable by the owner only, and wait until it is on disk.

    Raises OSError if it cannot be written; the journal then has no part of the line.
    """
    content = f"{line}\n".encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
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


@contextmanager
def about(fields: Mapping[str, str]) -> Iterator[None]:
    """Inside this context, the running fix changes another resource than the policy's, and its steps have these fields.

    `fields`: some of `resource`, `resource_type` and `region`.
    """
    with journal.about(fields) if (journal := _current.get()) is not None else nullcontext():
        yield


def write_down(
    does: str, call: Call, inverse: Iterable[Call], removed: Mapping[str, Any] | None = None,
    added: Mapping[str, Any] | None = None,
) -> None:
    """Record a call in the journal of the running fix, if there is one; the arguments are those of a `Step`.

    Raises OSError.
    """
    if (journal := _current.get()) is not None:
        journal.before(does, call, inverse, removed or {}, added or {})


def interrupted(content: bytes) -> list[dict[str, Any]]:
    """The receipts in a journal, and a receipt with the outcome `interrupted` for each fix that was not completed.

    `content` may end in the middle of a line. Lines that do not belong to a journal are skipped.
    """
    entries = []
    for line in content.split(b"\n"):
        try:
            entries.append(json.loads(line))
        except (ValueError, RecursionError):
            continue
    return receipts_of(entry for entry in entries if isinstance(entry, dict))


def receipts_of(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The receipts in the lines of a journal, as `interrupted` returns them; each entry is a line as JSON."""
    receipts: list[dict[str, Any]] = []
    begun: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for entry in entries:
        if isinstance(receipt := entry.get("receipt"), dict):
            receipts.append(receipt)
            begun.pop(_key(receipt), None)
        elif "begins" in entry:
            begun.setdefault(_key(entry), []).append(entry)
        elif "refused" in entry:
            # AWS refused the call, so there is nothing to undo.
            steps = begun.get(_key(entry), [])
            steps[:] = [step for step in steps if step.get("call") != entry["refused"]]
    return [*receipts, *(_interrupted(steps) for steps in begun.values() if steps)]


def _key(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """What the steps of a fix and its receipt have in common. Those of earlier versions have no id."""
    if "id" in entry:
        return (str(entry["id"]),)
    return tuple(str(entry.get(name, "")) for name in ("account", "region", "policy", "resource"))


def _interrupted(steps: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The receipt of a fix that was not completed, from its steps."""
    receipt = {
        key: value for key, value in steps[0].items() if key not in ("begins", "call", "inverse", "removed", "added")}
    begun = [str(step["begins"]) for step in steps]
    # The last call is undone first.
    inverse = [call for step in reversed(steps) for call in _list(step.get("inverse"))]
    if ROLLS_BACK in receipt:
        receipt[UNDID] = [step.get("call") for step in steps]
    changes = {name: [each for step in steps for each in _list(step.get(name))] for name in ("removed", "added")}
    return {
        **receipt, **changes, "outcome": Outcome.INTERRUPTED.value, "inverse": inverse, "notes": begun,
        "reason": "the process ended in the middle of this fix; each of these calls may have been made: "
                  + "; ".join(begun)}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _plain(call: Call) -> dict[str, Any]:
    return {"service": call.service, "operation": call.operation, "parameters": dict(call.parameters)}
