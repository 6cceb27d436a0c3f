"""Rolling back fixes: the calls in their receipts that restore what they changed."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..accounts import AWS_ERRORS, reason_of
from ..errors import GuardrailsError

# The resource is already in the state that the call restores: a rollback that stopped can be run again.
_ALREADY_DONE = ("InvalidPermission.Duplicate", "InvalidPermission.NotFound")
_HINT = ("receipts are what our actions write: action-revert-... beside resources.json, or the receipts.json of "
         "./run.sh heal")


@dataclass(frozen=True)
class UndoCall:
    """One AWS API call that undoes a part of a fix, as boto3 takes it."""

    account: str
    region: str
    """Empty for the region of the credentials."""
    resource: str
    service: str
    operation: str
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.service}:{self.operation} {json.dumps(self.parameters, default=str)}"


@dataclass(frozen=True)
class RollbackPlan:
    """What a rollback calls, in order."""

    calls: tuple[UndoCall, ...]
    empty: tuple[str, ...]
    """`resource (outcome)` of each receipt that has nothing to undo."""

    @classmethod
    def of(cls, receipts: Iterable[Mapping[str, Any]]) -> RollbackPlan:
        """The plan for these receipts: the last fix first, the calls of each fix in their own order.

        Raises GuardrailsError for an inverse that is not a valid call.
        """
        calls, empty = [], []
        for receipt in sorted(receipts, key=lambda receipt: str(receipt.get("at", "")), reverse=True):
            if not receipt["inverse"]:
                empty.append(f"{receipt['resource']} ({receipt.get('outcome', 'no outcome')})")
            for call in receipt["inverse"]:
                valid = isinstance(call, dict) and {"service", "operation", "parameters"} <= set(call)
                if not valid or not isinstance(call["parameters"], dict):
                    raise GuardrailsError(
                        f"the receipt of {receipt['resource']}: {call!r} is not a call: it must have service, "
                        "operation and parameters", _HINT)
                calls.append(UndoCall(
                    str(receipt["account"]), str(receipt["region"]), str(receipt["resource"]),
                    str(call["service"]), str(call["operation"]), call["parameters"],
                ))
        return cls(tuple(calls), tuple(empty))

    @property
    def region(self) -> str:
        """A region for the first call to AWS: that of the first call, or us-east-1."""
        return self.calls[0].region if self.calls and self.calls[0].region else "us-east-1"

    def refuse_other_accounts(self, account: str) -> None:
        """Raise GuardrailsError if a call is for another account than `account`."""
        others = sorted({call.account for call in self.calls} - {account})
        if others:
            raise GuardrailsError(
                f"the receipts are of account {', '.join(others)}, and the credentials of {account}",
                "use credentials of the receipts' account; roll back each account separately",
            )


class UndoState(StrEnum):
    """How one call of a rollback ended."""

    DONE = "done"
    ALREADY_DONE = "already done"
    """The resource was in that state before."""
    FAILED = "failed"
    NOT_DONE = "not done"
    """Not tried, because an earlier call failed."""


@dataclass(frozen=True)
class RollbackStep:
    """One call of a rollback, and how it ended."""

    call: UndoCall
    state: UndoState
    reason: str = ""
    """Why it failed."""


def read_receipts(files: Iterable[Path]) -> list[Mapping[str, Any]]:
    """The receipts in the files. Raises GuardrailsError for a file without receipts."""
    receipts: list[Mapping[str, Any]] = []
    for file in files:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise GuardrailsError(f"{file}: cannot be read as JSON: {error}", _HINT) from None
        if not isinstance(found, list) or not all(
            isinstance(receipt, dict) and {"account", "region", "resource", "inverse"} <= set(receipt)
            for receipt in found
        ):
            raise GuardrailsError(f"{file}: must be a list of receipts", _HINT)
        receipts.extend(found)
    return receipts


def account_of_credentials(region: str) -> str:
    """The account id of the current credentials. Raises GuardrailsError if AWS cannot be reached with them."""
    import boto3

    try:
        return str(boto3.client("sts", region_name=region).get_caller_identity()["Account"])
    except AWS_ERRORS as error:
        raise GuardrailsError(
            f"cannot access AWS: {reason_of(error)}", "set the credentials of the receipts' account") from None


def undo(calls: Sequence[UndoCall]) -> Iterator[RollbackStep]:
    """Make the calls with the current credentials, and yield each with its result.

    The first call that fails ends the rollback: the calls after it are yielded as not done.
    """
    for number, call in enumerate(calls):
        step = _make(call)
        yield step
        if step.state is UndoState.FAILED:
            yield from (RollbackStep(left, UndoState.NOT_DONE) for left in calls[number + 1:])
            return


def _make(call: UndoCall) -> RollbackStep:
    import boto3
    from botocore.exceptions import ClientError

    try:
        client = boto3.client(call.service, region_name=call.region or None)
        if call.operation not in client.meta.method_to_api_mapping:
            return RollbackStep(call, UndoState.FAILED, f"{call.service} has no operation {call.operation}; {_HINT}")
        getattr(client, call.operation)(**call.parameters)
    except AWS_ERRORS as error:
        if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _ALREADY_DONE:
            return RollbackStep(call, UndoState.ALREADY_DONE)
        return RollbackStep(call, UndoState.FAILED, reason_of(error))
    return RollbackStep(call, UndoState.DONE)
