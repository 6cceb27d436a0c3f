"""Rolls back fixes with the AWS API calls in their receipts, which restore what the fixes changed.

Everything is checked before the first call: that each receipt contains only calls that its fix declares, the account,
the parameters, and, if it can be read, whether the resource is still as the fix left it. After its calls each resource
is read again.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from custom_actions.aws import readings
from custom_actions.fixing import ROLLED_BACK, ROLLS_BACK, Outcome, printable

from ..accounts import AWS_ERRORS, reason_of
from ..errors import GuardrailsError
from .read_back import Comparison, Observation, observe, observe_undone
from .receipt_sources import HINT, SourcedReceipt
from .rollback_journal import CallKey, RollbackJournal, UndoState
from .rollback_plan import AwsClients, RollbackPlan, UndoCall, calls_of, calls_of_earlier, declaration, divided
from .rollback_record import RollbackRecord


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


@dataclass(frozen=True)
class RollbackStep:
    """One call of a rollback, and its result."""

    source: SourcedReceipt
    call: UndoCall
    state: UndoState
    reason: str = ""
    """Why it failed."""


class Restored(StrEnum):
    """Whether a resource is as it was before its fix, after its calls were made."""

    BACK = "as before the fix"
    DIFFERS = "not as before the fix"
    UNREADABLE = "cannot be read"
    UNKNOWN = "cannot be compared"
    NOT_DONE = "not rolled back"


@dataclass(frozen=True)
class RestoredResource:
    """One resource of a rollback, read again."""

    source: SourcedReceipt
    """The earliest receipt of the resource: its state before that fix is the one to restore."""
    state: Restored
    detail: str = ""


@dataclass(frozen=True)
class RollbackResult:
    """How a rollback ended."""

    steps: tuple[RollbackStep, ...] = ()
    resources: tuple[RestoredResource, ...] = ()

    @property
    def wrong(self) -> list[RestoredResource]:
        """The resources that are not as before their fix, or cannot be read."""
        return [each for each in self.resources if each.state in (Restored.DIFFERS, Restored.UNREADABLE)]

    @property
    def failed_at(self) -> int | None:
        """The index of the call that failed; None if none did."""
        return next((i for i, step in enumerate(self.steps) if step.state is UndoState.FAILED), None)

    def refuse_incomplete(self) -> None:
        """Raise GuardrailsError if a call failed, or a resource is not back."""
        if (number := self.failed_at) is not None:
            total = len(self.steps)
            raise GuardrailsError(
                f"stopped at call {number + 1} of {total}: {number} done, {total - number} not done",
                "fix the cause and run the command again: it continues where it stopped")
        if self.wrong:
            raise GuardrailsError(
                f"all calls were made, but {len(self.wrong)} of {len(self.resources)} resources are not as before the "
                "fix, or cannot be read",
                "see the differences above; something else may have changed the resource since")

    def to_dict(self) -> dict[str, Any]:
        """The result for JSON: each call as in its receipt, and each resource."""
        return {
            "complete": self.failed_at is None and not self.wrong,
            "calls": [
                {"account": step.call.account, "region": step.call.region, "resource": step.call.resource,
                 **step.call.to_dict(), "state": step.state.value, "reason": step.reason} for step in self.steps],
            "resources": [
                {"account": each.source.receipt["account"], "region": each.source.receipt["region"],
                 "resource": each.source.receipt["resource"], "state": each.state.value, "detail": each.detail}
                for each in self.resources],
        }


class Rollback:
    """Makes the calls of a plan, with the journal of its account and the record that it writes."""

    def __init__(
        self, plan: RollbackPlan, journal: RollbackJournal, record: RollbackRecord, clients: AwsClients
    ) -> None:
        self.plan = plan
        self._journal = journal
        self._record = record
        self._clients = clients
        self._last_states: dict[str, set[UndoState]] = {}

    def undo(self, check: RollbackCheck) -> Iterator[RollbackStep]:
        """Make the calls with the current credentials, and yield each with its result.

        The first call that fails stops the rollback. The calls after it are yielded as not done.
        """
        failed = False
        for each in self.plan.receipts:
            steps: list[RollbackStep] = []
            for number, call in enumerate(calls_of(each)):
                key = CallKey(each.key, number)
                if failed:
                    steps.append(RollbackStep(each, call, UndoState.NOT_DONE))
                    yield steps[-1]
                    continue
                for step in self._call(each, call, key, there=key in check.back):
                    steps.append(step)
                    failed = failed or step.state is UndoState.FAILED
                    yield step
            self._end(each, steps)

    def restored(self) -> list[RestoredResource]:
        """Read every resource again, after `undo`: whether its state from before the fix is back."""
        states: dict[tuple[str, ...], set[UndoState]] = {}
        for each in self.plan.receipts:
            states.setdefault(each.target, set()).update(self._last_states.get(each.key, ()))
        # The fixes of a resource were undone one after the other: the last one undone was its first fix.
        last = {each.target: each for each in self.plan.receipts}
        return [
            RestoredResource(each, *self._restored(each)) if all(state.complete for state in states[target])
            else RestoredResource(each, Restored.NOT_DONE) for target, each in last.items()]

    def _end(self, source: SourcedReceipt, steps: Sequence[RollbackStep]) -> None:
        """Record the receipt of the rollback of one receipt."""
        states = {step.state for step in steps}
        self._last_states[source.key] = states
        if states == {UndoState.NOT_DONE}:
            return
        made = self._made(source)
        reasons = [step.reason for step in steps if step.state is UndoState.FAILED]
        outcome: str = ROLLED_BACK if made else Outcome.ALREADY_OK
        if reasons or UndoState.NOT_DONE in states:
            outcome = Outcome.PARTIAL if made else Outcome.FAILED
        elif made:
            restored, detail = self._restored(source)
            if restored in (Restored.DIFFERS, Restored.UNREADABLE):
                outcome, reasons = Outcome.PARTIAL, [f"read again: {detail}"]
        self._record.ended(source, outcome, "; ".join(reasons), made)

    def _restored(self, source: SourcedReceipt) -> tuple[Restored, str]:
        """Whether the state before a fix is back, and what differs; AWS may show a change late."""
        wrong = (Comparison.CHANGED, Comparison.AS_FIXED, Comparison.OTHER, Comparison.UNREADABLE)
        found: Mapping[CallKey, Observation] = {}
        for found in readings(lambda: observations(source, self._clients)):
            if not any(each.comparison in wrong for each in found.values()):
                break
        if any(each.comparison is Comparison.UNREADABLE for each in found.values()):
            return Restored.UNREADABLE, _different(source, found, *wrong)
        if lines := _different(source, found, *wrong):
            return Restored.DIFFERS, lines
        if any(each.comparison is Comparison.UNKNOWN for each in found.values()):
            return Restored.UNKNOWN, f"AWS accepted the calls: {_different(source, found, Comparison.UNKNOWN)}"
        return Restored.BACK, ""

    def _call(self, source: SourcedReceipt, call: UndoCall, key: CallKey, *, there: bool) -> Iterator[RollbackStep]:
        known = self._journal.state(key)
        if known is not None and known.complete:
            yield RollbackStep(source, call, UndoState.ALREADY_DONE, "by an earlier rollback")
            return
        ours = known is UndoState.STARTED
        if there:
            self._journal.write(key, UndoState.DONE if ours else UndoState.ALREADY_DONE)
            yield RollbackStep(source, call, UndoState.ALREADY_DONE)
            return
        parts = divided(source, call)
        if len(parts) > 1 and self._journal.state(key._replace(part=0)) is not None:
            yield from self._parts(source, parts, key, ours=ours)
            return
        step = self._one(source, call, key, divisible=len(parts) > 1)
        if step.state is UndoState.ALREADY_DONE and len(parts) > 1:
            # AWS refuses the whole call if one of its entries exists already, even if the others do not.
            self._record.refused(source, call)
            yield from self._parts(source, parts, key, ours=ours)
        else:
            yield step

    def _parts(
        self, source: SourcedReceipt, parts: Sequence[UndoCall], key: CallKey, *, ours: bool
    ) -> Iterator[RollbackStep]:
        """Make the parts of a call. `ours`: an interrupted rollback may have made the whole call."""
        for number, part in enumerate(parts):
            part_key = key._replace(part=number)
            known = self._journal.state(part_key)
            if known is not None and known.complete:
                yield RollbackStep(source, part, UndoState.ALREADY_DONE, "by an earlier rollback")
                continue
            step = self._one(source, part, part_key, ours=ours)
            yield step
            if step.state is UndoState.FAILED:
                yield from (RollbackStep(source, left, UndoState.NOT_DONE) for left in parts[number + 1:])
                return
        # Written last, because a completed call is not checked again.
        self._journal.write(key, UndoState.ALREADY_DONE)

    def _one(
        self, source: SourcedReceipt, call: UndoCall, key: CallKey, *, divisible: bool = False, ours: bool = False
    ) -> RollbackStep:
        ours = ours or self._journal.state(key) is UndoState.STARTED
        self._record.begins(source, key.call, call)
        self._journal.write(key, UndoState.STARTED)
        state, reason = self._make(source, call)
        if state is not UndoState.ALREADY_DONE:
            self._journal.write(key, state)
        elif divisible:
            # AWS refused the whole call and changed nothing.
            self._journal.write(key, UndoState.FAILED)
        else:
            # A call that an interrupted rollback started counts as made by it if the resource is now in that state.
            self._journal.write(key, UndoState.DONE if ours else UndoState.ALREADY_DONE)
        return RollbackStep(source, call, state, reason)

    def _make(self, source: SourcedReceipt, call: UndoCall) -> tuple[UndoState, str]:
        from botocore.exceptions import ClientError

        try:
            client = self._clients.get(call.service, call.region)
            answer = getattr(client, call.operation)(**call.parameters) or {}
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

    def _made(self, source: SourcedReceipt) -> list[UndoCall]:
        """The calls of a receipt that this or an earlier rollback made, in one call or in parts."""
        found = []
        for number, call in enumerate(calls_of(source)):
            if self._journal.state(CallKey(source.key, number)) is UndoState.DONE:
                found.append(call)
            else:
                found += [part for index, part in enumerate(divided(source, call))
                          if self._journal.state(CallKey(source.key, number, index)) is UndoState.DONE]
        return found


def check_resources(plan: RollbackPlan, journal: RollbackJournal, clients: AwsClients) -> RollbackCheck:
    """Read the resources, and compare them with the receipts.

    If there are several receipts for a resource, only the newest is compared, because its rollback restores the
    state that the earlier receipts expect. Two kinds of receipts are not compared: those that an earlier rollback
    has started, because it continues, and those of a fix that was interrupted.

    Raises GuardrailsError for a call on another resource than the receipt's.
    """
    back: set[CallKey] = set()
    differences, unknown, seen = [], [], set[tuple[str, ...]]()
    for each in plan.receipts:
        # An interrupted fix may not have made all its calls, so some resources may already be as they were before.
        begun = journal.has_begun(each.key) or each.receipt["outcome"] == Outcome.INTERRUPTED
        newest = each.target not in seen
        seen.add(each.target)
        found = observations(each, clients)
        for observation in found.values():
            if observation.comparison is Comparison.OTHER:
                raise GuardrailsError(
                    f"no call was made: {each.name}: {printable(observation.detail)}",
                    f"check who changed the file. {HINT}")
        unknown += [f"{each.name}: {printable(observation.detail)}" for observation in found.values()
                    if observation.comparison is Comparison.UNKNOWN]
        is_back = {key for key, observation in found.items() if observation.comparison is Comparison.BACK}
        if begun or (newest and len(is_back) == len(found)):
            back |= is_back
        elif newest and (lines := _different(
                each, found, Comparison.CHANGED, Comparison.BACK, Comparison.UNREADABLE)):
            differences.append(f"{each.name}: {lines}")
    return RollbackCheck(frozenset(back), tuple(differences), tuple(dict.fromkeys(unknown)))


def account_of_credentials(region: str) -> str:
    """The account id of the current credentials. Raises GuardrailsError if AWS cannot be reached with them."""
    return _caller(region)["Account"]


def arn_of_credentials(region: str) -> str:
    """The ARN of the current credentials' user or role session. Raises GuardrailsError as account_of_credentials."""
    return _caller(region)["Arn"]


def _caller(region: str) -> dict[str, str]:
    import boto3

    try:
        answer: dict[str, str] = boto3.client("sts", region_name=region).get_caller_identity()
    except AWS_ERRORS as error:
        raise GuardrailsError(
            f"cannot access AWS: {reason_of(error)}", "set the credentials of the receipts' account") from None
    return answer


def observations(source: SourcedReceipt, clients: AwsClients) -> dict[CallKey, Observation]:
    """The result of reading the resource, for each call of a valid receipt."""
    fix, compare, calls = source.receipt, observe, calls_of(source)
    if ROLLS_BACK in source.receipt:
        # The receipt of a rollback: the changes of its calls must still be there.
        fix, compare, calls = source.receipt[ROLLS_BACK], observe_undone, calls_of_earlier(source)
    return {
        CallKey(source.key, number): compare(
            clients.get(call.service, call.region), call.service, call.operation, call.parameters, fix)
        for number, call in enumerate(calls)
    }


def _different(source: SourcedReceipt, found: Mapping[CallKey, Observation], *wrong: Comparison) -> str:
    """How a resource differs from what is expected, where each comparison in `wrong` is a difference."""
    calls = calls_of(source)
    return "; ".join(
        printable(f"{calls[key.call].operation}: {each.detail or each.comparison}")
        for key, each in found.items() if each.comparison in wrong)


def _is_already(source: SourcedReceipt, call: UndoCall, error: Mapping[str, Any]) -> bool:
    declared = declaration(source, call)
    return declared is not None and declared.is_already(str(error.get("Code")), str(error.get("Message")))
