"""Which calls a rollback makes, in which order, and the checks that need no resource to be read."""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from custom_actions.fixing import ROLLS_BACK, UNDID, inverse_of, order_of, printable, redo_calls

from ..errors import GuardrailsError
from .receipt_sources import HINT, SourcedReceipt


class AwsClients:
    """boto3's clients with the current credentials, one for each service and region."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Any] = {}

    def get(self, service: str, region: str) -> Any:
        """The client of a service in a region."""
        import boto3

        if (service, region) not in self._made:
            self._made[service, region] = boto3.client(service, region_name=region)
        return self._made[service, region]


@dataclass(frozen=True)
class UndoCall:
    """One AWS API call that undoes a part of a fix, with the names that boto3 uses."""

    account: str
    region: str
    resource: str
    service: str
    operation: str
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        return printable(f"{self.service}:{self.operation} {json.dumps(self.parameters, default=str)}")

    def to_dict(self) -> dict[str, Any]:
        """The call as it is in a receipt."""
        return {"service": self.service, "operation": self.operation, "parameters": dict(self.parameters)}


def calls_of(source: SourcedReceipt) -> list[UndoCall]:
    """The calls of a receipt's inverse, in the order to make them."""
    return [_undo_call(source, call) for call in source.receipt["inverse"]]


def calls_of_earlier(source: SourcedReceipt) -> list[UndoCall]:
    """For the receipt of a rollback: the calls that the rollback made, each at the place of the call that undoes it."""
    made = [_undo_call(source, call) for call in reversed(source.receipt[UNDID])]
    return [call for call in made if (declared := declaration(source, call)) is not None and declared.redo]


def inverse_of_call(source: SourcedReceipt, number: int, call: UndoCall) -> list[dict[str, Any]]:
    """The calls that undo a call of a receipt, or a part of it, again. Empty if they are not known."""
    if ROLLS_BACK not in source.receipt:
        return redo_calls(source.receipt, [call.to_dict()])
    earlier = calls_of_earlier(source)[number].to_dict()
    whole = calls_of(source)[number]
    return [earlier if call == whole else {**earlier, "parameters": dict(call.parameters)}]


def declaration(source: SourcedReceipt, call: UndoCall) -> Any:
    """The fix's declaration of a call; None for a call that repeats a fix after its rollback."""
    # For security group rules, the fix and its inverse use the same two operations.
    receipt = source.receipt.get(ROLLS_BACK, source.receipt)
    return inverse_of(receipt, {"service": call.service, "operation": call.operation})


def divided(source: SourcedReceipt, call: UndoCall) -> list[UndoCall]:
    """The smaller calls that the call can be divided into; only the call itself if it cannot be divided."""
    declared = declaration(source, call)
    if declared is None or not declared.split:
        return [call]
    return [UndoCall(call.account, call.region, call.resource, call.service, call.operation, parameters)
            for parameters in declared.parts(call.parameters)]


def _undo_call(source: SourcedReceipt, call: Mapping[str, Any]) -> UndoCall:
    return UndoCall(*[source.receipt[name] for name in ("account", "region", "resource")], **call)


@dataclass(frozen=True)
class RollbackPlan:
    """The receipts whose fixes are rolled back, the last fix first."""

    receipts: tuple[SourcedReceipt, ...]
    empty: tuple[str, ...] = ()
    """`resource (outcome)` of each receipt without calls."""

    @classmethod
    def of(cls, receipts: Iterable[SourcedReceipt]) -> RollbackPlan:
        """The plan for these receipts.

        The order is that of the receipts' sequences. Receipts of earlier versions have none: those of the same second
        are undone from the end of the file.

        Raises GuardrailsError for a receipt that is invalid, that contains a call that does not undo its fix, or that
        does not agree with the place where it was found.
        """
        found = list({each.key: each for each in receipts}.values())
        _refuse([f"{each.name}: {printable(each.problem)}" for each in found if each.problem],
                "rollback only makes calls that undo the fix of the receipt",
                "check who changed the file, and copy the receipts from the run again; remove receipts that you do not "
                f"want to roll back. {HINT}")
        _refuse([f"{each.name}: {printable(doubt)}" for each in found for doubt in each.doubts],
                "these receipts may be forged",
                "check who may write there. If you know that a receipt is right, save it to a file, and name the file")
        found.sort(key=lambda each: order_of(each.receipt))
        found.reverse()
        return cls(
            tuple(each for each in found if each.receipt["inverse"]),
            tuple(printable(f"{each.receipt['resource']} ({each.receipt['outcome']})")
                  for each in found if not each.receipt["inverse"]))

    @cached_property
    def calls(self) -> list[UndoCall]:
        """Every call, in order."""
        return [call for each in self.receipts for call in calls_of(each)]

    @property
    def region(self) -> str:
        """The region for reading the account of the credentials: that of the first receipt, or us-east-1."""
        return self.receipts[0].receipt["region"] if self.receipts else "us-east-1"

    def refuse_other_accounts(self, account: str) -> None:
        """Raise GuardrailsError if a call is for another account than `account`."""
        others = sorted({call.account for call in self.calls} - {account})
        if others:
            raise GuardrailsError(
                f"the receipts are from account {', '.join(others)}, but the credentials are for {account}",
                "use credentials of the receipts' account; roll back each account separately (--account)",
            )

    def check_parameters(self, clients: AwsClients) -> None:
        """Raise GuardrailsError for a call whose parameters this version of boto3 does not accept."""
        from botocore.exceptions import ParamValidationError
        from botocore.validate import validate_parameters

        for each in self.receipts:
            for call in calls_of(each):
                client = clients.get(call.service, call.region)
                name = client.meta.method_to_api_mapping[call.operation]
                shape = client.meta.service_model.operation_model(name).input_shape
                if shape is None:
                    continue  # It takes no parameters. That the call has none was checked with its declaration.
                try:
                    validate_parameters(call.parameters, shape)
                except ParamValidationError as error:
                    raise GuardrailsError(
                        f"no call was made: {each.name}: {call.service}:{call.operation}: "
                        f"{printable(' '.join(str(error).split()))}", HINT) from None


def _refuse(problems: list[str], why: str, fix: str) -> None:
    if problems:
        more = f"\n... and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise GuardrailsError(f"no call was made: {why}\n" + "\n".join(problems[:20]) + more, fix)
