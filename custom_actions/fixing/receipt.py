"""Receipts: what a fix did to each resource, with all that is needed to audit it and to undo it.

An action returns its receipts, and c7n writes what an action returns to the policy's output directory or bucket as
`action-<type>`. A receipt is plain JSON; `inverse` has the AWS calls that restore the earlier state. It is also kept
on the resource, so that a `notify` among the actions after the fix can report what was done.
"""
from __future__ import annotations

import json
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

    def to_dict(self) -> dict[str, Any]:
        """The receipt as plain JSON."""
        return asdict(self) | {"outcome": self.outcome.value}


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
    characters are escaped, and `receipt {` cannot be read as the start of a receipt.
    """
    return escaped(value).replace("receipt {", "receipt \\x7b")


def log_line(record: Mapping[str, Any]) -> str:
    """A receipt as JSON in ASCII on one line. No value in it can end the line, look like the start
    of a receipt, control a terminal or mention people.

    json.loads gives the same values again.
    """
    return json.dumps(record, default=str).translate(_MENTIONS).replace("receipt {", "receipt \\u007b")


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
