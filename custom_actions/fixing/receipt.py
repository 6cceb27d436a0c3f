"""Receipts: what a fix did to each resource, with all that is needed to audit it and to undo it.

An action returns its receipts, and c7n writes what an action returns to the policy's output directory or bucket as
`action-<type>`. A receipt is plain JSON; `inverse` has the AWS calls that restore the earlier state. It is also kept
on the resource, so that a `notify` among the actions after the fix can report what was done.
docs/receipts.md describes every field.
"""
from __future__ import annotations

import json
import secrets
import threading
import time
from base64 import b32encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from c7n.utils import dumps

from ..aws import Actor
from ..escaping import escaped

_MENTIONS = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&@`\x7f"})
"""What chat programs and Markdown read as a mention, a link or a tag, as JSON escapes it."""

FORMAT = 1
"""The version of the form of a receipt. Receipts without a version were written before there was one."""
ROLLED_BACK = "rolled-back"
"""The outcome in a receipt that `rollback` writes."""
UNDID, ROLLS_BACK = "undid", "rolls_back"
"""Keys in a receipt that `rollback` writes: the calls that it made, and the receipt that contained these calls."""

RECEIPTS = "c7n:Receipts"
"""The key of a resource under which the fixes keep their receipts, for the actions after them."""


class Outcome(StrEnum):
    """How a fix ended for one resource."""

    REVERTED = "reverted"
    """The drift is gone; reading the resource again has confirmed it."""
    ALREADY_OK = "already-ok"
    """There was no drift when the fix read the resource."""
    PARTIAL = "partial"
    """Something was changed, but drift is left or could not be ruled out; the reason says why."""
    FAILED = "failed"
    """Nothing could be changed; the reason says why."""
    INTERRUPTED = "interrupted"
    """The process ended in the middle of the fix; the journal tells which calls may have been made."""
    WAITING = "waiting"
    """What is left waits until CloudTrail's event history confirms the event; the event is delivered again."""
    REFUSED = "refused"
    """Nothing was tried, on purpose: the fix would do harm, or the earlier state is not fully known."""

    @property
    def needs_a_person(self) -> bool:
        """Whether the drift may still be there although the fix tried to remove it."""
        return self in (Outcome.PARTIAL, Outcome.FAILED, Outcome.INTERRUPTED)


class _Sequence:
    """Counts in microseconds since 1970, so that numbers of different processes can be compared."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1000)
            return self._last


_sequence = _Sequence()


def next_sequence() -> int:
    """A number that is larger than every earlier one of this process, even if the clock is set back.

    It is the time in microseconds since 1970, so it also puts the receipts of different processes in order.
    """
    return _sequence.next()


def new_id(sequence: int) -> str:
    """An id for the receipt with this sequence: its time, and 40 random bits; ids sort by time.

    Example: `20260131-120000-k3v9qt7m`.
    """
    at = datetime.fromtimestamp(sequence / 1_000_000, UTC)
    return f"{at:%Y%m%d-%H%M%S}-{b32encode(secrets.token_bytes(5)).decode().lower()}"


def order_of(receipt: Mapping[str, Any]) -> int:
    """When a receipt's fix began, in microseconds since 1970: fixes with a larger number are undone first.

    `receipt` is valid JSON of a receipt. One without a sequence has a time in seconds only.
    """
    sequence = receipt.get("sequence")
    return sequence if isinstance(sequence, int) else int(datetime.fromisoformat(receipt["at"]).timestamp()) * 1_000_000


@dataclass(frozen=True)
class Call:
    """One call of the AWS API with boto3: `client(service).operation(**parameters)`."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Receipt:
    """The record of one fix of one resource."""

    resource: str
    resource_type: str
    account: str
    region: str
    policy: str
    outcome: Outcome
    reason: str = ""
    removed: Sequence[Mapping[str, Any]] = ()
    added: Sequence[Mapping[str, Any]] = ()
    inverse: Sequence[Call] = ()
    caused_by: Actor | None = None
    notes: Sequence[str] = ()
    action: str = ""
    """The c7n action that made the fix; `rollback` accepts only the calls that this action declares."""
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    sequence: int = field(default_factory=next_sequence)
    """The order of fixes: the last one is undone first. Microseconds since 1970, and different for each receipt of a
    process."""
    id: str = ""
    """Its name, for `rollback` and for the journal; made from `sequence` if it is not given."""
    format: int = FORMAT
    """The version of this form."""

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", new_id(self.sequence))

    def to_dict(self) -> dict[str, Any]:
        """The receipt as plain JSON: the same in a log, a journal and a file. Dates become strings."""
        head = {"format": self.format, "id": self.id, "sequence": self.sequence}
        record: dict[str, Any] = json.loads(
            json.dumps(head | asdict(self) | {"outcome": self.outcome.value}, default=str))
        return record


def receipt_of(action: Any, resource: str, outcome: Outcome, **what: Any) -> Receipt:
    """The receipt of a c7n action for one resource; type, account, region and policy come from the action.

    `what`: the other fields of the receipt; they override those from the action.
    """
    manager = action.manager
    own = {
        "resource_type": f"aws.{manager.type}", "account": manager.config.account_id or "",
        "region": manager.config.region or "", "policy": manager.data.get("name", ""),
        "action": str(action.type),
    }
    return Receipt(resource=resource, outcome=outcome, **{**own, **what})


def printable(value: object) -> str:
    """A text as one line of a log or a terminal, whoever chose it.

    Names and descriptions come from AWS, where attackers choose them. Line breaks, control characters and invisible
    characters are escaped, and `receipt {` cannot be read as the start of a receipt, or `journal {` as a step.
    """
    return escaped(value).replace("receipt {", "receipt \\x7b").replace("journal {", "journal \\x7b")


def log_line(record: Mapping[str, Any]) -> str:
    """A receipt or a step as JSON in ASCII on one line. No value in it can end the line, look like the start
    of another one, control a terminal or mention people.

    json.loads gives the same values again.
    """
    line = json.dumps(record, default=str).translate(_MENTIONS)
    return line.replace("receipt {", "receipt \\u007b").replace("journal {", "journal \\u007b")


class FixIncomplete(Exception):
    """A fix could not remove all drift. The receipts are written before this is raised."""

    def __init__(self, action: str, receipts: Sequence[Receipt]) -> None:
        left = [receipt for receipt in receipts if receipt.outcome.needs_a_person]
        named = "; ".join(f"{receipt.resource} {receipt.outcome}: {receipt.reason}" for receipt in left)
        super().__init__(printable(f"{action}: {len(left)} of {len(receipts)} resources still drift: {named}"))


def finish(action: Any, fixed: Iterable[tuple[dict[str, Any], Receipt]]) -> list[dict[str, Any]]:
    """Log the receipts and keep each on its resource; returns them as JSON, as c7n actions do.

    Args:
        action: the c7n action.
        fixed: each resource, as c7n passed it, with its receipt; a resource may occur several times.

    When drift is left, writes the receipts and raises FixIncomplete.
    """
    receipts: list[Receipt] = []
    records = []
    for resource, receipt in fixed:
        record = receipt.to_dict()
        # A deployed function keeps its log, but not its output directory.
        action.log.info("%s receipt %s", action.type, log_line(record))
        resource[RECEIPTS] = [*resource.get(RECEIPTS, ()), record]
        receipts.append(receipt)
        records.append(record)
    if any(receipt.outcome.needs_a_person for receipt in receipts):
        # c7n writes only what an action returns, and this one will raise.
        if (output := action.manager.ctx.output) is not None:
            output.write_file(f"action-{action.name}", dumps(records))
        raise FixIncomplete(action.type, receipts)
    return records
