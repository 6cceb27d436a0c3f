"""Rolling back fixes: the calls in their receipts that restore what they changed.

Everything is checked before the first call: every receipt against what its fix declares, the account, the parameters,
and, where it can be read, whether the resource is still as the fix left it.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from custom_actions.fixing import JOURNAL, ROLLS_BACK, UNDID, Outcome, interrupted, inverse_of, printable, problem

from ..accounts import AWS_ERRORS, reason_of
from ..errors import GuardrailsError
from .read_back import Comparison, Observation, observe, observe_undone
from .rollback_journal import CallKey, Journal, UndoState, receipt_id

_JOURNAL_SUFFIX = Path(JOURNAL).suffix
_HINT = ("receipts are what our actions write: action-revert-... and fixes.jsonl beside resources.json, or the "
         "receipts.json of ./run.sh heal")


@dataclass(frozen=True)
class UndoCall:
    """One AWS API call that undoes a part of a fix, as boto3 takes it."""

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
    """A receipt, and where it was read."""

    receipt: Mapping[str, Any]
    file: Path
    number: int
    """Its place in the file, from 1."""

    @property
    def id(self) -> str:
        """What the journal calls it."""
        return receipt_id(self.receipt)

    @property
    def name(self) -> str:
        """For messages: file, place, resource."""
        resource = self.receipt.get("resource") if isinstance(self.receipt, Mapping) else None
        return printable(f"{self.file}: receipt {self.number}" + (f" ({resource})" if resource else ""))

    @property
    def calls(self) -> list[UndoCall]:
        """Its inverse, in the order to make it."""
        place = [self.receipt[name] for name in ("account", "region", "resource")]
        return [UndoCall(*place, **call) for call in self.receipt["inverse"]]

    @property
    def target(self) -> tuple[str, ...]:
        """What it is about; receipts of the same target build on each other."""
        return tuple(self.receipt[name] for name in ("account", "region", "resource_type", "resource"))


@dataclass(frozen=True)
class RollbackPlan:
    """The receipts to undo, the last fix first."""

    receipts: tuple[SourcedReceipt, ...]
    empty: tuple[str, ...]
    """`resource (outcome)` of each receipt that has nothing to undo."""

    @classmethod
    def of(cls, receipts: Iterable[SourcedReceipt]) -> RollbackPlan:
        """The plan for these receipts. Receipts of the same second are undone from the end of the file.

        Raises GuardrailsError for a receipt that is malformed, or has a call that does not undo its fix.
        """
        found = list({each.id: each for each in receipts}.values())
        problems = [f"{each.name}: {printable(why)}" for each in found if (why := problem(each.receipt))]
        if problems:
            more = f"\n... and {len(problems) - 20} more" if len(problems) > 20 else ""
            raise GuardrailsError(
                "nothing was called: rollback makes only calls that undo the receipt's own fix\n"
                + "\n".join(problems[:20]) + more,
                "check who changed the file, and take the receipts from the run again; remove the receipts that you do "
                f"not want to roll back. {_HINT}")
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
        """A region for the first call to AWS: that of the first call, or us-east-1."""
        return self.receipts[0].receipt["region"] if self.receipts else "us-east-1"

    def refuse_other_accounts(self, account: str) -> None:
        """Raise GuardrailsError if a call is for another account than `account`."""
        others = sorted({call.account for call in self.calls} - {account})
        if others:
            raise GuardrailsError(
                f"the receipts are of account {', '.join(others)}, and the credentials of {account}",
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
                        f"nothing was called: {each.name}: {call.service}:{call.operation}: "
                        f"{printable(' '.join(str(error).split()))}", _HINT) from None


@dataclass(frozen=True)
class RollbackCheck:
    """What reading the resources has shown, before anything is called."""

    back: frozenset[CallKey]
    """Calls whose result is there already."""
    differences: tuple[str, ...]
    """How resources have changed since their fix."""
    unknown: tuple[str, ...]
    """Calls whose resource cannot be compared."""

    def refuse_differences(self, *, force: bool) -> None:
        """Raise GuardrailsError if a resource has changed since its fix, unless `force`."""
        if self.differences and not force:
            raise GuardrailsError(
                f"nothing was called: resources that have changed since the fix: {len(self.differences)}",
                "compare the differences above; to make the calls all the same, add --force")


class Rollback:
    """A plan with the journals of its files."""

    def __init__(self, plan: RollbackPlan, journals: Mapping[Path, Journal]) -> None:
        self.plan = plan
        self._journals = journals

    def journal(self, receipt: SourcedReceipt) -> Journal:
        """The journal beside the receipt's file."""
        return self._journals[receipt.file]

    def check(self) -> RollbackCheck:
        """Read the resources, and compare them with the receipts.

        Of several receipts of one resource only the newest is compared, because undoing it gives the state that the
        earlier ones build on. A receipt that an earlier rollback has begun is not compared: it goes on. Nor is the
        receipt of a fix that was interrupted.

        Raises GuardrailsError for a call whose resource is not the receipt's.
        """
        back: set[CallKey] = set()
        differences, unknown, seen = [], [], set[tuple[str, ...]]()
        for each in self.plan.receipts:
            # Of a fix that was interrupted, some calls were perhaps never made: what is so already is not changed.
            begun = self.journal(each).has_begun(each.id) or each.receipt["outcome"] == Outcome.INTERRUPTED
            newest = each.target not in seen
            seen.add(each.target)
            found = _observations(each)
            for observation in found.values():
                if observation.comparison is Comparison.OTHER:
                    raise GuardrailsError(
                        f"nothing was called: {each.name}: {printable(observation.detail)}",
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

        The first call that fails ends the rollback: the calls after it are yielded as not done.
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
            # AWS refuses the whole call when one of its entries is there; the others are not.
            yield from self._parts(source, parts, key, ours=ours)
        else:
            yield step

    @staticmethod
    def _divided(source: SourcedReceipt, call: UndoCall) -> list[UndoCall]:
        """The same call in smaller calls; one where it cannot be divided."""
        declared = _declared(source, call)
        if declared is None or not declared.split:
            return [call]
        return [UndoCall(call.account, call.region, call.resource, call.service, call.operation, parameters)
                for parameters in declared.parts(call.parameters)]

    def _parts(
        self, source: SourcedReceipt, parts: Sequence[UndoCall], key: CallKey, *, ours: bool
    ) -> Iterator[RollbackStep]:
        """Make the parts of a call. `ours`: a stopped rollback may have made the whole call."""
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
        # Written last: what is complete is not looked at again.
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
            # AWS refused the whole call, and changed nothing.
            journal.write(key, UndoState.FAILED)
        else:
            # What a stopped rollback had started, and is so now, counts as made by it.
            journal.write(key, UndoState.DONE if ours else UndoState.ALREADY_DONE)
        return RollbackStep(source, call, state, reason)

    def made(self, source: SourcedReceipt) -> list[UndoCall]:
        """The calls of a receipt that this or an earlier rollback made, whole or in parts."""
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
    """One call of a rollback, and how it ended."""

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
            # A journal has more than receipts: what a process that was killed had begun is in it, too.
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
    """The fix's declaration of a call; None for a call that makes a fix again after its rollback."""
    if ROLLS_BACK in source.receipt:
        # Security group rules: their fix and its inverse are the same two operations.
        return inverse_of(source.receipt[ROLLS_BACK], {"service": call.service, "operation": call.operation})
    return inverse_of(source.receipt, {"service": call.service, "operation": call.operation})


def _observations(source: SourcedReceipt) -> dict[CallKey, Observation]:
    """What reading the resource shows about each call of a receipt."""
    fix = source.receipt.get(ROLLS_BACK)
    if fix is None:
        return {
            CallKey(source.id, number): observe(_client(call), call.service, call.operation, call.parameters,
                                                source.receipt)
            for number, call in enumerate(source.calls)
        }
    # A rollback's receipt: the calls that it made must still hold. The inverse has them from the last to the first.
    place = [source.receipt[name] for name in ("account", "region", "resource")]
    made = [call for call in (UndoCall(*place, **each) for each in reversed(source.receipt[UNDID]))
            if (declared := _declared(source, call)) is not None and declared.redo]
    return {
        CallKey(source.id, number): observe_undone(_client(call), call.service, call.operation, call.parameters, fix)
        for number, call in enumerate(made)
    }


def _differences(source: SourcedReceipt, found: Mapping[CallKey, Observation]) -> list[str]:
    """How a resource differs from what its receipt says; nothing where it is as the fix left it."""
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
    # Calls on several things at once answer 200, and name those that failed.
    for each in answer.get("Unsuccessful") or ():
        refused = each.get("Error") or {}
        if not _is_already(source, call, refused):
            return UndoState.FAILED, printable(f"{refused.get('Code')}: {refused.get('Message')}")
        return UndoState.ALREADY_DONE, ""
    return UndoState.DONE, ""


def _is_already(source: SourcedReceipt, call: UndoCall, error: Mapping[str, Any]) -> bool:
    declared = _declared(source, call)
    return declared is not None and declared.is_already(str(error.get("Code")), str(error.get("Message")))
