"""Rolls back fixes with the AWS API calls in their receipts, which restore what the fixes changed.

Everything is checked before the first call: that each receipt contains only calls that its fix declares, the account,
the parameters, and, if it can be read, whether the resource is still as the fix left it.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from custom_actions.fixing import JOURNAL, ROLLS_BACK, UNDID, Outcome, interrupted, inverse_of, printable, problem

from ..accounts import AWS_ERRORS, reason_of
from ..errors import GuardrailsError
from .read_back import Comparison, Observation, observe, observe_undone
from .rollback_journal import CallKey, RollbackJournal, UndoState, receipt_id

_JOURNAL_SUFFIX = Path(JOURNAL).suffix
_HINT = ("receipts are what our actions write: action-revert-... and fixes.jsonl next to resources.json, or the "
         "receipts.json of ./run.sh heal")


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


@dataclass(frozen=True)
class SourcedReceipt:
    """A receipt, and the file that contains it."""

    receipt: Mapping[str, Any]
    file: Path
    number: int
    """Its position in the file, counted from 1."""

    @cached_property
    def id(self) -> str:
        """Its id in the journal."""
        return receipt_id(self.receipt)

    @property
    def name(self) -> str:
        """Its name in messages: file, position and resource."""
        resource = self.receipt.get("resource") if isinstance(self.receipt, Mapping) else None
        return printable(f"{self.file}: receipt {self.number}" + (f" ({resource})" if resource else ""))

    @property
    def calls(self) -> list[UndoCall]:
        """The calls of its inverse, in the order to make them."""
        place = [self.receipt[name] for name in ("account", "region", "resource")]
        return [UndoCall(*place, **call) for call in self.receipt["inverse"]]

    @property
    def target(self) -> tuple[str, ...]:
        """The resource that the fix changed; receipts of the same resource depend on each other."""
        return tuple(self.receipt[name] for name in ("account", "region", "resource_type", "resource"))


@dataclass(frozen=True)
class RollbackPlan:
    """The receipts whose fixes are rolled back, the last fix first."""

    receipts: tuple[SourcedReceipt, ...]
    empty: tuple[str, ...]
    """`resource (outcome)` of each receipt without calls."""

    @classmethod
    def of(cls, receipts: Iterable[SourcedReceipt]) -> RollbackPlan:
        """The plan for these receipts. Receipts of the same second are undone from the end of the file.

        Raises GuardrailsError for a receipt that is invalid or contains a call that does not undo its fix.
        """
        found = list({each.id: each for each in receipts}.values())
        problems = [f"{each.name}: {printable(why)}" for each in found if (why := problem(each.receipt))]
        if problems:
            more = f"\n... and {len(problems) - 20} more" if len(problems) > 20 else ""
            raise GuardrailsError(
                "no call was made: rollback only makes calls that undo the fix of the receipt\n"
                + "\n".join(problems[:20]) + more,
                "check who changed the file, and copy the receipts from the run again; remove receipts that you do not "
                f"want to roll back. {_HINT}")
        found.sort(key=lambda each: datetime.fromisoformat(each.receipt["at"]))
        found.reverse()
        return cls(
            tuple(each for each in found if each.receipt["inverse"]),
            tuple(printable(f"{each.receipt['resource']} ({each.receipt['outcome']})")
                  for each in found if not each.receipt["inverse"]))

    @property
    def calls(self) -> list[UndoCall]:
        """Every call, in order."""
        return [call for each in self.receipts for call in each.calls]

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
                "use credentials of the receipts' account; roll back each account separately",
            )

    def check_parameters(self) -> None:
        """Raise GuardrailsError for a call whose parameters this version of boto3 does not accept."""
        from botocore.exceptions import ParamValidationError
        from botocore.validate import validate_parameters

        for each in self.receipts:
            for call in each.calls:
                client = _client(call)
                name = client.meta.method_to_api_mapping[call.operation]
                try:
                    validate_parameters(
                        call.parameters, client.meta.service_model.operation_model(name).input_shape)
                except ParamValidationError as error:
                    raise GuardrailsError(
                        f"no call was made: {each.name}: {call.service}:{call.operation}: "
                        f"{printable(' '.join(str(error).split()))}", _HINT) from None


@dataclass(frozen=True)
class RollbackCheck:
    """The result of reading the resources before the first call."""

    back: frozenset[CallKey]
    """Calls that are not needed, because the resource is already in the state that they would restore."""
    differences: tuple[str, ...]
    """Changes of resources since their fix."""
    unknown: tuple[str, ...]
    """Calls whose resource cannot be compared."""

    def refuse_differences(self, *, force: bool) -> None:
        """Raise GuardrailsError if a resource has changed since its fix, unless `force`."""
        if self.differences and not force:
            raise GuardrailsError(
                f"no call was made: resources that have changed since the fix: {len(self.differences)}",
                "check the differences above; to make the calls anyway, add --force")


class Rollback:
    """A plan with the journals of its files."""

    def __init__(self, plan: RollbackPlan, journals: Mapping[Path, RollbackJournal]) -> None:
        self.plan = plan
        self._journals = journals

    def journal(self, receipt: SourcedReceipt) -> RollbackJournal:
        """The journal next to the file of the receipt."""
        return self._journals[receipt.file]

    def check(self) -> RollbackCheck:
        """Read the resources, and compare them with the receipts.

        If there are several receipts for a resource, only the newest is compared, because its rollback restores the
        state that the earlier receipts expect. Two kinds of receipts are not compared: those that an earlier rollback
        has started, because it continues, and those of a fix that was interrupted.

        Raises GuardrailsError for a call on another resource than the receipt's.
        """
        back: set[CallKey] = set()
        differences, unknown, seen = [], [], set[tuple[str, ...]]()
        for each in self.plan.receipts:
            # An interrupted fix may not have made all its calls, so some resources may already be as they were before.
            begun = self.journal(each).has_begun(each.id) or each.receipt["outcome"] == Outcome.INTERRUPTED
            newest = each.target not in seen
            seen.add(each.target)
            found = _observations(each)
            for observation in found.values():
                if observation.comparison is Comparison.OTHER:
                    raise GuardrailsError(
                        f"no call was made: {each.name}: {printable(observation.detail)}",
                        f"check who changed the file. {_HINT}")
            unknown += [f"{each.name}: {printable(observation.detail)}" for observation in found.values()
                        if observation.comparison is Comparison.UNKNOWN]
            is_back = {key for key, observation in found.items() if observation.comparison is Comparison.BACK}
            if begun or (newest and len(is_back) == len(found)):
                back |= is_back
            elif newest:
                differences += _differences(each, found)
        return RollbackCheck(frozenset(back), tuple(differences), tuple(dict.fromkeys(unknown)))

    def undo(self, check: RollbackCheck) -> Iterator[RollbackStep]:
        """Make the calls with the current credentials, and yield each with its result.

        The first call that fails stops the rollback. The calls after it are yielded as not done.
        """
        failed = False
        for each in self.plan.receipts:
            for number, call in enumerate(each.calls):
                key = CallKey(each.id, number)
                if failed:
                    yield RollbackStep(each, call, UndoState.NOT_DONE)
                    continue
                for step in self._call(each, call, key, there=key in check.back):
                    yield step
                    failed = failed or step.state is UndoState.FAILED

    def _call(self, source: SourcedReceipt, call: UndoCall, key: CallKey, *, there: bool) -> Iterator[RollbackStep]:
        journal = self.journal(source)
        known = journal.state(key)
        if known is not None and known.complete:
            yield RollbackStep(source, call, UndoState.ALREADY_DONE, "by an earlier rollback")
            return
        ours = known is UndoState.STARTED
        if there:
            journal.write(key, UndoState.DONE if ours else UndoState.ALREADY_DONE)
            yield RollbackStep(source, call, UndoState.ALREADY_DONE)
            return
        parts = self._divided(source, call)
        if len(parts) > 1 and journal.state(key._replace(part=0)) is not None:
            yield from self._parts(source, parts, key, ours=ours)
            return
        step = self._one(source, call, key, divisible=len(parts) > 1)
        if step.state is UndoState.ALREADY_DONE and len(parts) > 1:
            # AWS refuses the whole call if one of its entries exists already, even if the others do not.
            yield from self._parts(source, parts, key, ours=ours)
        else:
            yield step

    @staticmethod
    def _divided(source: SourcedReceipt, call: UndoCall) -> list[UndoCall]:
        """The smaller calls that the call can be divided into; only the call itself if it cannot be divided."""
        declared = _declared(source, call)
        if declared is None or not declared.split:
            return [call]
        return [UndoCall(call.account, call.region, call.resource, call.service, call.operation, parameters)
                for parameters in declared.parts(call.parameters)]

    def _parts(
        self, source: SourcedReceipt, parts: Sequence[UndoCall], key: CallKey, *, ours: bool
    ) -> Iterator[RollbackStep]:
        """Make the parts of a call. `ours`: an interrupted rollback may have made the whole call."""
        journal = self.journal(source)
        for number, part in enumerate(parts):
            part_key = key._replace(part=number)
            known = journal.state(part_key)
            if known is not None and known.complete:
                yield RollbackStep(source, part, UndoState.ALREADY_DONE, "by an earlier rollback")
                continue
            step = self._one(source, part, part_key, ours=ours)
            yield step
            if step.state is UndoState.FAILED:
                yield from (RollbackStep(source, left, UndoState.NOT_DONE) for left in parts[number + 1:])
                return
        # Written last, because a completed call is not checked again.
        journal.write(key, UndoState.ALREADY_DONE)

    def _one(
        self, source: SourcedReceipt, call: UndoCall, key: CallKey, *, divisible: bool = False, ours: bool = False
    ) -> RollbackStep:
        journal = self.journal(source)
        ours = ours or journal.state(key) is UndoState.STARTED
        journal.write(key, UndoState.STARTED)
        state, reason = _make(source, call)
        if state is not UndoState.ALREADY_DONE:
            journal.write(key, state)
        elif divisible:
            # AWS refused the whole call and changed nothing.
            journal.write(key, UndoState.FAILED)
        else:
            # A call that an interrupted rollback started counts as made by it if the resource is now in that state.
            journal.write(key, UndoState.DONE if ours else UndoState.ALREADY_DONE)
        return RollbackStep(source, call, state, reason)

    def made(self, source: SourcedReceipt) -> list[UndoCall]:
        """The calls of a receipt that this or an earlier rollback made, in one call or in parts."""
        journal, found = self.journal(source), []
        for number, call in enumerate(source.calls):
            parts = self._divided(source, call)
            if journal.state(CallKey(source.id, number)) is UndoState.DONE:
                found.append(call)
            else:
                found += [part for index, part in enumerate(parts)
                          if journal.state(CallKey(source.id, number, index)) is UndoState.DONE]
        return found


@dataclass(frozen=True)
class RollbackStep:
    """One call of a rollback, and its result."""

    source: SourcedReceipt
    call: UndoCall
    state: UndoState
    reason: str = ""
    """Why it failed."""


def read_receipts(files: Iterable[Path]) -> list[SourcedReceipt]:
    """The receipts in the files. Raises GuardrailsError for a file without receipts."""
    receipts: list[SourcedReceipt] = []
    for file in files:
        try:
            content = file.read_bytes()
            # Besides receipts, a journal contains the calls of a fix whose process was killed.
            found = interrupted(content) if file.suffix == _JOURNAL_SUFFIX else json.loads(content)
        except (OSError, ValueError, RecursionError) as error:
            raise GuardrailsError(
                printable(f"{file}: cannot be read as JSON: {error}"), _HINT) from None
        if not isinstance(found, list):
            raise GuardrailsError(printable(f"{file}: must be a list of receipts"), _HINT)
        receipts += [SourcedReceipt(receipt, file, number) for number, receipt in enumerate(found, 1)]
    return receipts


def account_of_credentials(region: str) -> str:
    """The account id of the current credentials. Raises GuardrailsError if AWS cannot be reached with them."""
    import boto3

    try:
        return str(boto3.client("sts", region_name=region).get_caller_identity()["Account"])
    except AWS_ERRORS as error:
        raise GuardrailsError(
            f"cannot access AWS: {reason_of(error)}", "set the credentials of the receipts' account") from None


def _client(call: UndoCall) -> Any:
    import boto3

    return boto3.client(call.service, region_name=call.region)


def _declared(source: SourcedReceipt, call: UndoCall) -> Any:
    """The fix's declaration of a call; None for a call that repeats a fix after its rollback."""
    if ROLLS_BACK in source.receipt:
        # For security group rules, the fix and its inverse use the same two operations.
        return inverse_of(source.receipt[ROLLS_BACK], {"service": call.service, "operation": call.operation})
    return inverse_of(source.receipt, {"service": call.service, "operation": call.operation})


def _observations(source: SourcedReceipt) -> dict[CallKey, Observation]:
    """The result of reading the resource, for each call of a receipt."""
    fix = source.receipt.get(ROLLS_BACK)
    if fix is None:
        return {
            CallKey(source.id, number): observe(_client(call), call.service, call.operation, call.parameters,
                                                source.receipt)
            for number, call in enumerate(source.calls)
        }
    # The receipt of a rollback: the changes of its calls must still be there. Its inverse has the reverse order.
    place = [source.receipt[name] for name in ("account", "region", "resource")]
    made = [call for call in (UndoCall(*place, **each) for each in reversed(source.receipt[UNDID]))
            if (declared := _declared(source, call)) is not None and declared.redo]
    return {
        CallKey(source.id, number): observe_undone(_client(call), call.service, call.operation, call.parameters, fix)
        for number, call in enumerate(made)
    }


def _differences(source: SourcedReceipt, found: Mapping[CallKey, Observation]) -> list[str]:
    """How a resource differs from its receipt; empty if it is as the fix left it."""
    calls = source.calls
    lines = [printable(f"{calls[key.call].operation}: {each.detail or each.comparison}")
             for key, each in found.items() if each.comparison in (Comparison.CHANGED, Comparison.BACK)]
    return [f"{source.name}: {'; '.join(lines)}"] if lines else []


def _make(source: SourcedReceipt, call: UndoCall) -> tuple[UndoState, str]:
    from botocore.exceptions import ClientError

    try:
        answer = getattr(_client(call), call.operation)(**call.parameters) or {}
    except AWS_ERRORS as error:
        if isinstance(error, ClientError) and _is_already(source, call, error.response.get("Error") or {}):
            return UndoState.ALREADY_DONE, ""
        return UndoState.FAILED, printable(reason_of(error))
    # A call on several resources returns 200 and lists those that failed.
    for each in answer.get("Unsuccessful") or ():
        refused = each.get("Error") or {}
        if not _is_already(source, call, refused):
            return UndoState.FAILED, printable(f"{refused.get('Code')}: {refused.get('Message')}")
        return UndoState.ALREADY_DONE, ""
    return UndoState.DONE, ""


def _is_already(source: SourcedReceipt, call: UndoCall, error: Mapping[str, Any]) -> bool:
    declared = _declared(source, call)
    return declared is not None and declared.is_already(str(error.get("Code")), str(error.get("Message")))
