"""What a rollback writes about itself: a journal while it works, and its receipts at the end.

The journal is the file `fixes.jsonl`, in the form of the journal of fixes: a line before each call with the call that
undoes it, and a line with each receipt. So after an interruption `receipts` and `rollback` read it like that of a fix.
"""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from custom_actions.fixing import (
    FORMAT,
    JOURNAL,
    ROLLED_BACK,
    ROLLS_BACK,
    STEP,
    UNDID,
    Outcome,
    add_line,
    interrupted,
    new_id,
    next_sequence,
    redo_calls,
)

from ..errors import GuardrailsError
from ..paths import write_json
from .receipt_sources import SourcedReceipt
from .rollback_plan import UndoCall, inverse_of_call


class RollbackRecord:
    """The record of one rollback. At the end of its context it writes `receipts.json`, if a call was made."""

    def __init__(self, directory: Path) -> None:
        """`directory`: the output directory of the rollback."""
        self.path = directory / "receipts.json"
        self._journal = directory / JOURNAL
        self._heads: dict[str, dict[str, Any]] = {}
        self.receipts: Sequence[Mapping[str, Any]] = ()
        """What `receipts.json` has, after the end of the context."""

    def __enter__(self) -> RollbackRecord:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._heads:
            self.receipts = interrupted(self._journal.read_bytes())
            write_json(self.path, self.receipts)

    def begins(self, source: SourcedReceipt, number: int, call: UndoCall) -> None:
        """Record that a call is about to be made: call `number` of the receipt, or a part of it.

        Raises GuardrailsError if it cannot be recorded.
        """
        first = source.key not in self._heads
        head = self._head(source)
        if first and ROLLS_BACK not in source.receipt:
            head = {**head, ROLLS_BACK: source.receipt}
        self._write({**head, "begins": f"undo with {call.service}:{call.operation}", "call": call.to_dict(),
                     "inverse": inverse_of_call(source, number, call)})

    def refused(self, source: SourcedReceipt, call: UndoCall) -> None:
        """Record that AWS refused a call and changed nothing."""
        self._write({**self._head(source), "refused": call.to_dict()})

    def ended(self, source: SourcedReceipt, outcome: str, reason: str, made: Sequence[UndoCall]) -> None:
        """Record the receipt of the rollback of one receipt; nothing if no call was needed and none was begun.

        `made`: the calls that this or an earlier rollback made. Raises GuardrailsError if it cannot be recorded.
        """
        self._write({"receipt": {**self._head(source), **receipt_of_rollback(source.receipt, outcome, reason, [
            call.to_dict() for call in made])}})

    def _head(self, source: SourcedReceipt) -> dict[str, Any]:
        if source.key not in self._heads:
            sequence = next_sequence()
            self._heads[source.key] = {
                "format": FORMAT, "id": new_id(sequence), "sequence": sequence,
                **{name: source.receipt.get(name, "") for name in STEP if name not in ("format", "id", "sequence")},
                "at": _now()}
        return self._heads[source.key]

    def _write(self, entry: Mapping[str, Any]) -> None:
        try:
            add_line(self._journal, json.dumps(entry, default=str))
        except OSError as error:
            raise GuardrailsError(
                f"{self._journal}: {error.strerror}: stopped, because the rollback cannot be recorded",
                "free some disk space, and run the rollback again: it continues from here") from None


def receipt_of_rollback(
    receipt: Mapping[str, Any], outcome: str, reason: str, made: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The receipt of the rollback of a receipt, without the fields that all steps have.

    If a rollback is rolled back, it is a receipt of the fix again.
    """
    record: dict[str, Any] = {
        "outcome": outcome, "reason": reason, "removed": list(receipt.get("added") or ()),
        "added": list(receipt.get("removed") or ()), "at": _now()}
    if (fix := receipt.get(ROLLS_BACK)) is None:
        record |= {"inverse": redo_calls(receipt, made), UNDID: list(made), ROLLS_BACK: dict(receipt)}
        left = len(made) - len(record["inverse"])
        return record | {"notes": [
            f"{left} of the calls cannot be undone with this receipt: run the fix again"] if left else []}
    if outcome == ROLLED_BACK:
        # The changes of the fix are there again, so the inverse of the fix undoes them.
        record |= {"outcome": str(Outcome.REVERTED), "inverse": list(receipt[UNDID])}
        return record | {"notes": [f"the rollback of {receipt['at']} was rolled back"]}
    return record | {"inverse": [], "notes": [
        f"the rollback of {receipt['at']} was only partly rolled back; the fix was made at {fix['at']}"]}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
