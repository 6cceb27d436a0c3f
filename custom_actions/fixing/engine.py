"""How every fix of ours changes AWS: step by step, then read again, then one result.

What is to be done is decided by pure functions, which give steps; `carry_out` makes their calls. Whatever a call ends
with (an error of AWS's, a timeout, a parameter that this botocore does not know) is part of the result of its step and
is never raised, so that the other steps are made, the other resources are fixed, and every receipt is written.

| the resource, read again | something was changed by us | nothing was |
|---|---|---|
| has no drift | reverted | already-ok: somebody else was faster |
| has drift, or cannot be read | partial | failed |
| has drift that this fix cannot remove | partial | refused |
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..aws import AWS_ERRORS, call, code_of, may_have_happened, readings, reason_of
from ..errors import CannotRead, Refusal
from .confirmation import NotYet
from .journal import write_down
from .receipt import Call, Outcome

Answer = Mapping[str, Any]
"""What AWS answered to a call."""
Inverse = Call | Sequence[Call] | Callable[[Answer], Call | None]


@dataclass(frozen=True)
class Step:
    """One call of a fix.

    Attributes:
        does: what it does, for a reader.
        call: the call.
        inverse: the calls that undo it, in the order to make them; or a function that makes that call from AWS's
            answer, where AWS gives an id. The answer is empty when it was lost on the way; the function may then take
            the id from a later reading, or return None.
        removed: what the call takes away.
        added: what is there instead.
        note: what a person should know once it is made.
        parts: the same in smaller calls, tried one by one when AWS refuses the whole.
        split_on: the codes after which the parts are tried; any error where it is empty.
        no_harm: codes that mean that it is so already, by somebody else: neither a problem nor a change of ours.
        try_later: codes after which it is tried once more when the other steps have been made.
        chain: steps with the same name depend on each other: when one fails, those after it are not made.
        confirm: it adds access, or takes settings from history: made only when the event is confirmed
            (confirmation.py).
        unsure: set by `carry_out` on a step that AWS may or may not have done, because the call ended with an error
            and the resource could not be read again.
    """

    does: str
    call: Call
    inverse: Inverse = ()
    removed: Mapping[str, Any] = field(default_factory=dict)
    added: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    parts: Sequence[Step] = ()
    split_on: frozenset[str] = frozenset()
    no_harm: frozenset[str] = frozenset()
    try_later: frozenset[str] = frozenset()
    chain: str = ""
    confirm: bool = False
    unsure: bool = False

    @property
    def leaves(self) -> Sequence[Step]:
        """The smallest calls that it consists of."""
        return [leaf for part in self.parts for leaf in part.leaves] if self.parts else [self]

    def known_undo(self) -> list[Call]:
        """The calls that undo it, as far as they are known before it is made: an id that AWS gives is not."""
        if callable(self.inverse):
            return []
        return self.undo({}) or [undo for part in self.parts for undo in part.known_undo()]

    def undo(self, answer: Answer) -> list[Call]:
        """The calls that undo it, once AWS has answered."""
        found = self.inverse(answer) if callable(self.inverse) else self.inverse
        return [found] if isinstance(found, Call) else list(found or ())


@dataclass(frozen=True)
class FixPlan:
    """What to do to one resource.

    Attributes:
        steps: in the order to make them; none when there is no drift.
        cannot: drift that the fix cannot remove, and why: nobody knows how it was, or AWS allows it later only.
        notes: what a person should know.
    """

    steps: Sequence[Step] = ()
    cannot: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class FixResult:
    """How the fix of one resource ended, and what was really changed.

    Attributes:
        resource: the id of what was fixed, where that is not the policy's resource: a flow log, on an account.
        resource_type: its type, likewise.
        region: where it is, where that is not the policy's region.
    """

    outcome: Outcome
    reason: str = ""
    removed: Sequence[Mapping[str, Any]] = ()
    added: Sequence[Mapping[str, Any]] = ()
    inverse: Sequence[Call] = ()
    notes: Sequence[str] = ()
    resource: str = ""
    resource_type: str = ""
    region: str = ""


Make = Callable[[Step], Answer | None]
Left = Sequence[Step | str]
"""What is still to be done: steps, or lines for a reader where no step can do it."""
Summary = Callable[[Sequence[tuple[Step, Answer]]], FixResult]
"""From the steps that were made, with AWS's answers: what was removed and added, and the calls that undo it."""


def calls(client: Callable[[str], Any]) -> Make:
    """Makes a step by its boto3 call. `client` gives boto3's client of a service."""

    def make(step: Step) -> Answer:
        answer: Answer = call(
            getattr(client(step.call.service), step.call.operation), **step.call.parameters) or {}
        return answer

    return make


def summary(made: Sequence[tuple[Step, Answer]]) -> FixResult:
    """What the steps removed and added, and their inverses from the last to the first."""
    inverse = [undo for step, answer in reversed(made) for undo in step.undo(answer)]
    return FixResult(
        Outcome.REVERTED, removed=[dict(step.removed) for step, _ in made if step.removed],
        added=[dict(step.added) for step, _ in made if step.added], inverse=inverse,
        notes=[step.note for step, _ in made if step.note])


def nothing_left(left: Left) -> bool:
    """Whether waiting longer would show nothing else: nothing is left to do."""
    return not left


def carry_out(
    steps: Sequence[Step], make: Make, left: Callable[[], Left], *, cannot: str = "", notes: Sequence[str] = (),
    rounds: int = 1, settled: Callable[[Left], bool] = nothing_left, summarise: Summary = summary,
    confirm: Callable[[], None] | None = None,
) -> FixResult:
    """Make the steps, read again, and say how it ended.

    Args:
        steps: at least one.
        make: makes one step, and returns AWS's answer; raises one of AWS_ERRORS.
        left: reads the resource again, and returns what is still to be done.
        cannot, notes: as in FixPlan.
        rounds: how often what is new drift after all was made is put right, where somebody else makes it.
        settled: whether what is left will not change by waiting.
        summarise: makes receipts of steps that have to be summed up another way.
        confirm: returns when the event is confirmed that steps with `confirm` depend on. Raises NotYet: then only the
            other steps are made, and the outcome is `waiting`. Raises Refusal: then none is made.
    """
    if confirm and any(step.confirm for step in steps):
        try:
            confirm()
        except NotYet as reason:
            return _unconfirmed(steps, make, left, Outcome.WAITING, str(reason), notes, summarise)
        except Refusal as refusal:
            return FixResult(Outcome.REFUSED, str(refusal), notes=notes)
        except AWS_ERRORS as error:
            problem = f"the event could not be confirmed: {reason_of(error)}"
            return _unconfirmed(steps, make, left, Outcome.FAILED, problem, notes, summarise)
    work = _Work(make)
    todo: Sequence[Step] = steps
    remaining: Left | None = list(steps)
    for further in reversed(range(rounds)):
        work.make_all(todo)
        remaining = work.read_again(left, further=further > 0, settled=settled)
        todo = [step for step in remaining or () if isinstance(step, Step)]
        if not todo or work.problems:
            break
    made = work.made_of(remaining)
    result = summarise(made)
    problems = list(work.problems)
    if remaining is not None and not remaining:
        # Whatever went wrong on the way, the resource is as it should be, as far as this fix can bring it there.
        work.notes += problems
        problems = []
        outcome = Outcome.REVERTED if made else Outcome.ALREADY_OK
        if cannot:
            outcome = Outcome.PARTIAL if made else Outcome.REFUSED
    else:
        problems += [f"still to do: {each.does}" if isinstance(each, Step) else each for each in remaining or ()]
        outcome = Outcome.PARTIAL if made else Outcome.FAILED
    if cannot:
        problems.append(cannot)
    return FixResult(
        outcome, "; ".join(dict.fromkeys(problems)), result.removed, result.added, result.inverse,
        [*notes, *result.notes, *work.notes])


def _unconfirmed(
    steps: Sequence[Step], make: Make, left: Callable[[], Left], outcome: Outcome, reason: str,
    notes: Sequence[str], summarise: Summary,
) -> FixResult:
    """Make the steps that need no confirmation. `outcome` and `reason` are those of the others."""
    now = [step for step in steps if not step.confirm]
    if not now:
        return FixResult(outcome, reason, notes=notes)
    waiting = [step.call for step in steps if step.confirm]
    result = carry_out(
        now, make, lambda: [each for each in left() if not (isinstance(each, Step) and each.call in waiting)],
        notes=notes, summarise=summarise)
    if outcome is Outcome.FAILED or result.outcome.needs_a_person:
        changed = result.outcome in (Outcome.REVERTED, Outcome.PARTIAL)
        outcome = Outcome.PARTIAL if changed else Outcome.FAILED
    return replace(result, outcome=outcome, reason="; ".join(filter(None, [reason, result.reason])))


def fix_by_plan(client: Callable[[str], Any], plan: Callable[[], FixPlan], **options: Any) -> FixResult:
    """Plan, make the calls, and plan again, to say how it ended.

    Args:
        client: gives boto3's client of a service.
        plan: reads the resource, and says what to do. May raise one of AWS_ERRORS, CannotRead, or Refusal.
        options: those of `carry_out`.
    """
    try:
        planned = plan()
    except Refusal as refusal:
        return FixResult(Outcome.REFUSED, str(refusal))
    except (*AWS_ERRORS, CannotRead) as error:
        return FixResult(Outcome.FAILED, reason_of(error))
    if not planned.steps:
        return FixResult(
            Outcome.REFUSED if planned.cannot else Outcome.ALREADY_OK, planned.cannot, notes=planned.notes)
    return carry_out(
        planned.steps, calls(client), lambda: plan().steps, cannot=planned.cannot, notes=planned.notes, **options)


class _Work:
    """The steps of one fix as they are made."""

    def __init__(self, make: Make) -> None:
        self._make = make
        # In the order of the calls, in which the inverses are turned round. The answer is None where the call ended
        # with an error and AWS may have done it all the same: reading again tells.
        self._tried: list[tuple[Step, Answer | None]] = []
        self.problems: list[str] = []
        self.notes: list[str] = []

    def make_all(self, steps: Sequence[Step]) -> None:
        broken: set[str] = set()
        later: list[Step] = []
        for step in steps:
            if step.chain and step.chain in broken:
                self.problems.append(f"{step.does}: not tried, because a step before it failed")
            elif not self._try(step, later):
                broken.add(step.chain)
        for step in later:
            self._try(step, None)

    def _try(self, step: Step, later: list[Step] | None) -> bool:
        """Make a step; returns whether those that depend on it may follow. `later` takes what is tried once more."""
        try:
            write_down(step.does, step.call, step.known_undo())
        except OSError as error:
            self.problems.append(f"{step.does}: not tried, because its journal cannot be written: {error.strerror}")
            return False
        try:
            answer = self._make(step) or {}
        except AWS_ERRORS as error:
            return self._failed(step, error, later)
        # Calls on several things at once answer 200, and name those that failed.
        refused = [str((each.get("Error") or {}).get("Message")) for each in answer.get("Unsuccessful") or ()]
        if refused:
            self.problems += refused
            return False
        self._forget_errors_of(step)
        self._tried.append((step, answer))
        return True

    def _forget_errors_of(self, step: Step) -> None:
        leaves = {id(leaf) for leaf in step.leaves}
        self._tried = [each for each in self._tried if each[1] is not None or id(each[0]) not in leaves]

    def _failed(self, step: Step, error: Exception, later: list[Step] | None) -> bool:
        if may_have_happened(error):
            self._forget_errors_of(step)
            self._tried += [(leaf, None) for leaf in step.leaves]
        if len(step.parts) > 1 and (not step.split_on or code_of(error) in step.split_on):
            made = [self._try(part, later) for part in step.parts]
            return all(made)
        if code_of(error) in step.no_harm:
            return True
        if later is not None and code_of(error) in step.try_later:
            later.append(step)
            return True
        self.problems.append(f"{step.chain}: {reason_of(error)}" if step.chain else reason_of(error))
        return False

    def read_again(
        self, left: Callable[[], Left], *, further: bool, settled: Callable[[Left], bool]
    ) -> Left | None:
        """What is left to do, once AWS shows the changes; None when the resource could not be read."""
        remaining: Left | None = None
        try:
            for remaining in readings(left):
                unsure = any(answer is None for _, answer in self._tried)
                if not remaining or settled(remaining) or (self.problems and not unsure):
                    break
                # New drift is made right in a further round; an old answer is waited out.
                if further and not self._shows_an_old_answer(remaining):
                    break
        except (*AWS_ERRORS, CannotRead, Refusal) as error:
            self.problems.append(f"could not read it back: {reason_of(error)}")
            return None
        return remaining

    def _shows_an_old_answer(self, remaining: Left) -> bool:
        made = [leaf.call for step, answer in self._tried if answer is not None for leaf in step.leaves]
        return any(leaf.call in made for step in remaining if isinstance(step, Step) for leaf in step.leaves)

    def made_of(self, remaining: Left | None) -> list[tuple[Step, Answer]]:
        """The steps that were made, and those of the unsure ones that reading again shows, or cannot deny."""
        still = [leaf.call for step in remaining or () if isinstance(step, Step) for leaf in step.leaves]
        known = remaining is not None and not any(isinstance(each, str) for each in remaining)
        made: list[tuple[Step, Answer]] = []
        for step, answer in self._tried:
            if answer is not None:
                made.append((step, answer))
                continue
            if step.call in still:
                continue
            self.notes.append(f"{step.does}: AWS answered with an error, and {'had' if known else 'may have'} done it")
            if callable(step.inverse) and not step.undo({}):
                self.notes.append(f"{step.does}: no call that undoes it is known")
            made.append((replace(step, unsure=not known), {}))
        return made
