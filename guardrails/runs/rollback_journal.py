"""The journal of a rollback: what was called, written before and after each call, so that a stopped one goes on.

The journal is a file beside the receipts, `RECEIPTS.rollback.jsonl`, with one JSON object a line: the receipt's id, the
number of the call in its inverse, the number of the part where a call was divided, and the state.
"""
from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

from ..errors import GuardrailsError


class UndoState(StrEnum):
    """How one call of a rollback ended."""

    STARTED = "started"
    """Written before the call. Where nothing follows, the rollback was stopped, and AWS may have made the change."""
    DONE = "done"
    ALREADY_DONE = "already done"
    """The resource was in that state before."""
    FAILED = "failed"
    NOT_DONE = "not done"
    """Not tried, because an earlier call failed."""

    @property
    def complete(self) -> bool:
        """Whether the call need not be made again."""
        return self in (UndoState.DONE, UndoState.ALREADY_DONE)


class CallKey(NamedTuple):
    """A call of a receipt: its number in the inverse, and the number of its part, -1 for the whole call."""

    receipt: str
    call: int
    part: int = -1


def receipt_id(receipt: Mapping[str, Any]) -> str:
    """What the journal calls a receipt: the start of a SHA-256 of its content."""
    content = json.dumps(receipt, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:24]


class Journal:
    """The journal beside one file of receipts, locked while it is open, so that one rollback at a time uses it."""

    def __init__(self, receipts: Path) -> None:
        """Opens the journal beside `receipts`. Raises GuardrailsError if it is in use, damaged or cannot be written."""
        self.path = receipts.with_name(f"{receipts.name}.rollback.jsonl")
        self._states: dict[CallKey, UndoState] = {}
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            self._file: IO[str] = os.fdopen(descriptor, "a+", encoding="utf-8")
            os.fchmod(descriptor, 0o600)
        except OSError as error:
            raise GuardrailsError(
                f"{self.path}: {error.strerror}: a rollback writes its progress beside the receipts",
                "copy the receipts into a directory that can be written") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise GuardrailsError(
                f"{self.path}: another rollback of these receipts is running", "wait until it has ended") from None
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if not self._states:
            # Nothing was called.
            self.path.unlink(missing_ok=True)

    def state(self, key: CallKey) -> UndoState | None:
        """The last state of a call; None if it was never started."""
        return self._states.get(key)

    def has_begun(self, receipt: str) -> bool:
        """Whether a call of the receipt was started by this or an earlier rollback."""
        return any(key.receipt == receipt for key in self._states)

    def write(self, key: CallKey, state: UndoState) -> None:
        """Append a state, and wait until the disk has it. Raises GuardrailsError if it cannot be written."""
        line = {**key._asdict(), "state": state, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise GuardrailsError(
                f"{self.path}: {error.strerror}: stopped, because progress cannot be written",
                "make room on the disk, and run the rollback again: it goes on from here") from None
        self._states[key] = state

    def _read(self) -> None:
        self._file.seek(0)
        try:
            content = self._file.read()
        except ValueError as error:
            raise self._damaged(1, error) from None
        whole, _, torn = content.rpartition("\n")
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                entry = json.loads(line)
                key = CallKey(str(entry["receipt"]), int(entry["call"]), int(entry["part"]))
                self._states[key] = UndoState(entry["state"])
            except (ValueError, KeyError, TypeError) as error:
                raise self._damaged(number, error) from None
        if torn:
            # The rollback was stopped while it wrote. The call of that line counts as started.
            self._file.truncate(len(f"{whole}\n".encode()) if whole else 0)

    def _damaged(self, line: int, error: Exception) -> GuardrailsError:
        return GuardrailsError(
            f"{self.path}:{line}: not a line of a rollback's journal: {type(error).__name__}",
            "compare the receipts with AWS by hand, then move the journal away and run the rollback again")
