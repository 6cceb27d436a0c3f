"""The receipts of a rollback: the calls for each receipt, their result, and the calls that repeat the fix."""
from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from custom_actions.fixing import ROLLED_BACK, ROLLS_BACK, UNDID, Outcome, redo_calls

from ..errors import GuardrailsError
from .rollback import Rollback, RollbackStep, SourcedReceipt
from .rollback_journal import UndoState


def write_record(directory: Path, rollback: Rollback, steps: Sequence[RollbackStep]) -> Path:
    """Write a receipt of the rollback for each receipt that it processed to `receipts.json` (mode 0600), atomically.

    Raises GuardrailsError if it cannot be written.
    """
    path, temporary = directory / "receipts.json", directory / ".receipts.json.new"
    by_receipt: dict[str, list[RollbackStep]] = {}
    for step in steps:
        by_receipt.setdefault(step.source.id, []).append(step)
    found = [
        receipt_of_rollback(source, rollback, by_receipt[source.id]) for source in rollback.plan.receipts
        if any(step.state is not UndoState.NOT_DONE for step in by_receipt.get(source.id, ()))
    ]
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1, default=str)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except OSError as error:
        raise GuardrailsError(
            f"{path}: {error.strerror}: stopped, because the rollback's receipts cannot be written",
            "free some disk space, and run the rollback again: it continues from here") from None
    return path


def receipt_of_rollback(
    source: SourcedReceipt, rollback: Rollback, steps: Sequence[RollbackStep]
) -> dict[str, Any]:
    """The receipt of the rollback of one receipt. If a rollback is rolled back, it is a receipt of the fix again."""
    receipt = source.receipt
    made = [{"service": call.service, "operation": call.operation, "parameters": dict(call.parameters)}
            for call in rollback.made(source)]
    states = {step.state for step in steps}
    reason = "; ".join(step.reason for step in steps if step.state is UndoState.FAILED)
    outcome: str = ROLLED_BACK if made else Outcome.ALREADY_OK
    if UndoState.FAILED in states or UndoState.NOT_DONE in states:
        outcome = Outcome.PARTIAL if made else Outcome.FAILED
    record: dict[str, Any] = {
        name: receipt[name] for name in ("resource", "resource_type", "account", "region", "policy")
    } | {
        "action": receipt.get("action", ""), "outcome": outcome, "reason": reason,
        "removed": list(receipt.get("added") or ()), "added": list(receipt.get("removed") or ()),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if (fix := receipt.get(ROLLS_BACK)) is None:
        record |= {"inverse": redo_calls(receipt, made), UNDID: made, ROLLS_BACK: dict(receipt)}
        return record | {"notes": _notes(record, made)}
    if outcome == ROLLED_BACK:
        # The changes of the fix are there again, so the inverse of the fix undoes them.
        record |= {"outcome": str(Outcome.REVERTED), "inverse": list(receipt[UNDID])}
        return record | {"notes": [f"the rollback of {receipt['at']} was rolled back"]}
    return record | {"inverse": [], "notes": [
        f"the rollback of {receipt['at']} was only partly rolled back; the fix was made at {fix['at']}"]}


def _notes(record: Mapping[str, Any], made: Sequence[Mapping[str, Any]]) -> list[str]:
    left = len(made) - len(record["inverse"])
    return [f"{left} of the calls cannot be undone with this receipt: run the fix again"] if left else []
