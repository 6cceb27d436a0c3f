"""The progress of rollbacks, written before and after each call, so that an interrupted rollback can continue.

Each account has one file, `output/rollbacks/ACCOUNT.jsonl`, whatever source its receipts are from. It has one JSON
object per line: the hash of the receipt, the number of the call in its inverse, the number of the part if a call was
divided, and the state.
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
from ..paths import make_private


class UndoState(StrEnum):
    """The state of one call of a rollback."""

    STARTED = "started"
    """Written before the call. If no other state follows, the rollback was interrupted, and the call may be done."""
    DONE = "done"
    ALREADY_DONE = "already done"
    """The resource was already in the state that the call restores."""
    FAILED = "failed"
    NOT_DONE = "not done"
    """Not tried, because an earlier call failed."""

    @property
    def complete(self) -> bool:
        """Whether the call does not have to be made again."""
        return self in (UndoState.DONE, UndoState.ALREADY_DONE)


class CallKey(NamedTuple):
    """A call of a receipt: its number in the inverse, and the number of its part, -1 for the whole call."""

    receipt: str
    call: int
    part: int = -1


def receipt_id(receipt: Mapping[str, Any]) -> str:
    """What identifies a receipt in the journal: the first 24 characters of the SHA-256 of its content."""
    content = json.dumps(receipt, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:24]


class RollbackJournal:
    """The journal of one account. It is locked while open, so that only one rollback at a time uses the account."""

    def __init__(self, path: Path) -> None:
        """Opens the journal. Raises GuardrailsError if it is in use, damaged or not writable."""
        self.path = path
        self._states: dict[str, dict[CallKey, UndoState]] = {}
        try:
            make_private(path.parent)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            self._file: IO[str] = os.fdopen(descriptor, "a+", encoding="utf-8")
            os.fchmod(descriptor, 0o600)
        except OSError as error:
            raise GuardrailsError(
                f"{self.path}: {error.strerror}: a rollback writes its progress to this file",
                "run it in a directory that you can write to") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise GuardrailsError(
                f"{self.path}: another rollback in this account is running", "wait until it has finished") from None
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> RollbackJournal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if not self._states:
            # No call was ever made.
            self.path.unlink(missing_ok=True)

    def state(self, key: CallKey) -> UndoState | None:
        """The last state of a call; None if it was never started."""
        return self._states.get(key.receipt, {}).get(key)

    def has_begun(self, receipt: str) -> bool:
        """Whether a call of the receipt was started by this or an earlier rollback."""
        return receipt in self._states

    def write(self, key: CallKey, state: UndoState) -> None:
        """Append a state, and wait until it is on disk. Raises GuardrailsError if it cannot be written."""
        line = {**key._asdict(), "state": state, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise GuardrailsError(
                f"{self.path}: {error.strerror}: stopped, because progress cannot be written",
                "free some disk space, and run the rollback again: it continues from here") from None
        self._set(key, state)

    def _set(self, key: CallKey, state: UndoState) -> None:
        self._states.setdefault(key.receipt, {})[key] = state

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
                self._set(key, UndoState(entry["state"]))
            except (ValueError, KeyError, TypeError) as error:
                raise self._damaged(number, error) from None
        if torn:
            # The rollback was interrupted while it wrote the line. Its call counts as started.
            self._file.truncate(len(f"{whole}\n".encode()) if whole else 0)

    def _damaged(self, line: int, error: Exception) -> GuardrailsError:
        return GuardrailsError(
            f"{self.path}:{line}: not a valid line of a rollback journal: {type(error).__name__}",
            "compare the receipts with AWS manually, then move the journal away and run the rollback again")
