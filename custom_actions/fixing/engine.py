"""How every fix changes AWS: it makes its steps, reads the resource again, and returns one result.

Pure functions plan the steps; `carry_out` makes their calls. An error of a call (an error response, a timeout, a
parameter that this version of botocore does not know) becomes part of the result. It is never raised, so that the
other steps are made, the other resources are fixed, and every receipt is written.

| the resource, read again | this fix changed something | it changed nothing |
|---|---|---|
| has no drift | reverted | already-ok: someone else fixed it first |
| has drift, or cannot be read | partial | failed |
| has drift that this fix cannot remove | partial | refused |
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..aws import AWS_ERRORS, Ahead, call, code_of, may_have_happened, readings, reason_of
from ..errors import CannotRead, Refusal
from .bound import Gate, OpenGate, gate
from .confirmation import NotYet
from .journal import write_down
from .receipt import Call, Outcome

Answer = Mapping[str, Any]
"""The response of AWS to a call."""
Inverse = Call | Sequence[Call] | Callable[[Answer], Call | None]


@dataclass(frozen=True)
class Step:
    """One call of a fix.

    Attributes:
        does: what it does, in words.
        call: the call.
        inverse: the calls that undo it, in the order to make them; or a function that makes the call from the
            response, which contains a new id. The response is empty when it was lost; the function may then use an id
            that was read later, or return None.
        removed: what the call removes.
        added: what the call adds.
        note: what a person should know after it is made.
        parts: the same in smaller calls, made one by one when AWS refuses the whole.
        split_on: the error codes after which the parts are made; when empty, any error.
        no_harm: error codes that mean that someone else has already made the change. This is not a problem, and the
            change is not recorded as ours.
        try_later: error codes after which it is tried once more, after the other steps.
        chain: steps with the same name depend on each other: when one fails, the later ones are not made. The same
            applies to the parts of a step with a chain.
        confirm: the step adds access or restores settings from history, so it is made only after the event is confirmed
            (confirmation.py).
        overwrites: the call replaces or deletes content that others may have changed since it was read, such as a whole
            document or list. The resource is read again directly before the call; if the step has changed, the new plan
            is carried out instead, so that the inverse holds what is overwritten.
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
    overwrites: bool = False
    unsure: bool = False

    @property
    def leaves(self) -> Sequence[Step]:
        """The smallest steps that it consists of."""
        return [leaf for part in self.parts for leaf in part.leaves] if self.parts else [self]

    def known_undo(self) -> list[Call]:
        """The calls that undo it, if they are known before it is made; they are not if they need an id from AWS."""
        if callable(self.inverse):
            return []
        return self.undo({}) or [undo for part in self.parts for undo in part.known_undo()]

    def undo(self, answer: Answer) -> list[Call]:
        """The calls that undo it, given the response of AWS."""
        found = self.inverse(answer) if callable(self.inverse) else self.inverse
        return [found] if isinstance(found, Call) else list(found or ())


@dataclass(frozen=True)
class FixPlan:
    """The fix of one resource.

    Attributes:
        steps: the steps in order; empty if there is no drift.
        cannot: drift that the fix cannot remove, and why: the earlier state is unknown, or AWS does not allow it yet.
        notes: what a person should know.
    """

    steps: Sequence[Step] = ()
    cannot: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class FixResult:
    """How the fix of one resource ended, and what it changed.

    Attributes:
        resource: the id of the fixed resource if it is not the policy's resource, such as a flow log of an account.
        resource_type: the type of that resource.
        region: the region of the fixed resource if it is not the policy's region.
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


_REPLANS = 3
"""How often a step is planned again because someone else changed the resource between the read and the call."""
_FRESH_SECONDS = 0.25
"""A read that came longer ago than this is not used for a change."""

Make = Callable[[Step], Answer | None]
Left = Sequence[Step | str]
"""What is still to do: steps, or text where no step can do it."""
Summary = Callable[[Sequence[tuple[Step, Answer]]], FixResult]
"""Takes the steps that were made, with their responses; returns what they changed, and the calls that undo them."""


def calls(client: Callable[[str], Any]) -> Make:
    """A function that makes a step with its boto3 call. `client` returns the boto3 client of a service."""

    def make(step: Step) -> Answer:
        answer: Answer = call(
            getattr(client(step.call.service), step.call.operation), **step.call.parameters) or {}
        return answer

    return make


def summary(made: Sequence[tuple[Step, Answer]]) -> FixResult:
    """What the steps removed and added, and their inverses in reverse order."""
    inverse = [undo for step, answer in reversed(made) for undo in step.undo(answer)]
    return FixResult(
        Outcome.REVERTED, removed=[dict(step.removed) for step, _ in made if step.removed],
        added=[dict(step.added) for step, _ in made if step.added], inverse=inverse,
        notes=[step.note for step, _ in made if step.note])


def nothing_left(left: Left) -> bool:
    """Whether reading again would show the same: nothing is left to do."""
    return not left


def carry_out(
    steps: Sequence[Step], make: Make, left: Callable[[], Left], *, cannot: str = "", notes: Sequence[str] = (),
    rounds: int = 1, settled: Callable[[Left], bool] = nothing_left, summarise: Summary = summary,
    confirm: Callable[[], None] | None = None, again: Callable[[], Left] | None = None, reads_ahead: bool = False,
) -> FixResult:
    """Make the steps, read the resource again, and return the result.

    Args:
        steps: at least one.
        make: makes one step, and returns the response; raises one of AWS_ERRORS.
        left: reads the resource again, and returns what is still to do.
        cannot, notes: as in FixPlan.
        rounds: how often new drift is fixed that someone else causes during the fix.
        settled: whether the remaining steps will not change any more by waiting.
        summarise: summarises the steps for the receipt, where `summary` does not fit.
        confirm: returns if the event is confirmed, on which the steps with `confirm` depend. If it raises NotYet, only
            the other steps are made, and the outcome is `waiting`. If it raises Refusal, no step is made.
        again: reads the resource and plans its steps again, before a step that overwrites something; by default `left`.
        reads_ahead: `left` may run in another thread. It then reads while the gate, which is a call to AWS, decides.
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
    held = gate()
    replan = again or left
    if confirm and not any(step.confirm for step in steps):
        replan = _without_confirmation(replan)
    work = Work(make, held)
    todo: Sequence[Step] = steps
    remaining: Left | None = list(steps)
    overlap = reads_ahead and not isinstance(held, OpenGate)
    for further in reversed(range(rounds)):
        try:
            if overlap and further == rounds - 1:
                todo, first_read = _admitted(held, todo, replan)
            else:
                todo, first_read = held.admit(todo), replan
        except CannotRead as error:
            work.problems.append(str(error))
            break
        if not todo:
            remaining = held.left(remaining or ())
            break
        work.make_all(todo, partial(_left_now, held, first_read))
        remaining = work.read_again(lambda: held.left(left()), further=further > 0, settled=settled)
        todo = [step for step in remaining or () if isinstance(step, Step)]
        if not todo or work.problems:
            break
    return conclude(work, remaining, cannot=cannot, notes=notes, summarise=summarise)


def conclude(
    work: Work, remaining: Left | None, *, cannot: str = "", notes: Sequence[str] = (), summarise: Summary = summary,
) -> FixResult:
    """The result of the steps that were made.

    Args:
        remaining: what reading again has shown; None when the resource could not be read.
        cannot, notes, summarise: as in `carry_out`.
    """
    made = work.made_of(remaining)
    work.held.settle([step for step, _ in made])
    cannot = "; ".join(filter(None, (work.held.closed_to, cannot)))
    result = summarise(made)
    problems = list(work.problems)
    if remaining is not None and not remaining:
        # Despite any errors, the resource is now as it should be, as far as this fix can achieve it.
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


def _left_now(held: Gate, read: Callable[[], Left]) -> Left:
    return held.left(read())


def _admitted(
    held: Gate, steps: Sequence[Step], replan: Callable[[], Left],
) -> tuple[list[Step], Callable[[], Left]]:
    """The steps that may be made, and `replan`, which has read the resource meanwhile, for its first caller.

    Raises CannotRead.
    """
    ahead = Ahead(replan)
    try:
        admitted = held.admit(steps)
    finally:
        ahead.settle()
    # Its first caller is the first step, directly before its call; a step that does not overwrite does not ask.
    unused = [ahead] if admitted and admitted[0].overwrites else []

    def first_read() -> Left:
        # What is too old for a change is read again.
        return unused.pop().answer() if unused and unused[0].age() < _FRESH_SECONDS else replan()

    return admitted, first_read


def _unconfirmed(
    steps: Sequence[Step], make: Make, left: Callable[[], Left], outcome: Outcome, reason: str,
    notes: Sequence[str], summarise: Summary,
) -> FixResult:
    """Make the steps that need no confirmation. `outcome` and `reason` are for the steps that do."""
    now = [step for step in steps if not step.confirm]
    if not now:
        return FixResult(outcome, reason, notes=notes)
    waiting = [step.call for step in steps if step.confirm]
    result = carry_out(
        now, make, lambda: [each for each in left() if not (isinstance(each, Step) and each.call in waiting)],
        notes=notes, summarise=summarise, again=_without_confirmation(left))
    if outcome is Outcome.FAILED or result.outcome.needs_a_person:
        changed = result.outcome in (Outcome.REVERTED, Outcome.PARTIAL)
        outcome = Outcome.PARTIAL if changed else Outcome.FAILED
    return replace(result, outcome=outcome, reason="; ".join(filter(None, [reason, result.reason])))


def _without_confirmation(left: Callable[[], Left]) -> Callable[[], Left]:
    """A function that returns what is left without the steps that need a confirmation: the event is not confirmed."""
    return lambda: [each for each in left() if not (isinstance(each, Step) and each.confirm)]


def fix_by_plan(client: Callable[[str], Any], plan: Callable[[], FixPlan], **options: Any) -> FixResult:
    """Plan, make the calls, plan again, and return the result.

    Args:
        client: returns the boto3 client of a service.
        plan: reads the resource and plans the fix. May raise one of AWS_ERRORS, CannotRead, or Refusal.
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


def _same(step: Step, other: Step) -> bool:
    """Whether both make the same call on the same earlier state."""
    return step.call == other.call and step.known_undo() == other.known_undo()


class Work:
    """The steps of one fix while they are made.

    Attributes:
        held: which steps may be made.
        problems: why steps were not made or failed.
        notes: what a person should know about the steps that were made.
    """

    def __init__(self, make: Make, held: Gate | None = None) -> None:
        self._make = make
        self.held = held or OpenGate()
        # In the order of the calls; the inverses have the reverse order. The response is None when the call ended with
        # an error and AWS may have done it anyway; reading again shows whether it did.
        self._tried: list[tuple[Step, Answer | None]] = []
        self.problems: list[str] = []
        self.notes: list[str] = []

    def make_all(self, steps: Sequence[Step], left: Callable[[], Left]) -> None:
        """Make the steps. `left` reads the resource again before a step that overwrites something."""
        broken: set[str] = set()
        later: list[Step] = []
        todo, replans = list(steps), 0
        while todo:
            step = todo.pop(0)
            if step.chain and step.chain in broken:
                self.problems.append(f"{step.does}: not tried, because a step before it failed")
                continue
            now = self._planned_now(step, left) if step.overwrites else [step]
            if now is None:
                broken.add(step.chain)
                continue
            if not any(_same(step, each) for each in now):
                if replans == _REPLANS:
                    self.problems.append(f"{step.does}: not tried, because someone else keeps changing the resource")
                    return
                replans += 1
                self.notes.append(f"{step.does}: planned again, because someone else changed the resource meanwhile")
                try:
                    todo = self.held.admit(now)
                except CannotRead as error:
                    self.problems.append(str(error))
                    return
                continue
            if not self.attempt(step, later):
                broken.add(step.chain)
        for step in later:
            self.attempt(step, None)

    def _planned_now(self, step: Step, left: Callable[[], Left]) -> list[Step] | None:
        """The steps that are still to do, read directly before `step`; None if it must not be made."""
        try:
            remaining = left()
        except (*AWS_ERRORS, CannotRead, Refusal) as error:
            self.problems.append(f"{step.does}: not tried, because it could not be read again: {reason_of(error)}")
            return None
        done = [leaf.call for made, answer in self._tried if answer is not None for leaf in made.leaves]
        return [
            each for each in remaining
            # AWS may not show the changes of the steps before yet.
            if isinstance(each, Step) and not all(leaf.call in done for leaf in each.leaves)]

    def attempt(self, step: Step, later: list[Step] | None = None) -> bool:
        """Make a step; returns whether steps that depend on it may follow. `later` collects what is tried once more."""
        try:
            write_down(step.does, step.call, step.known_undo(), step.removed, step.added)
        except OSError as error:
            self.problems.append(f"{step.does}: not tried, because its journal cannot be written: {error.strerror}")
            return False
        try:
            answer = self._make(step) or {}
        except AWS_ERRORS as error:
            return self._failed(step, error, later)
        # A call on several resources returns 200, and lists those that failed.
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
            made = (self.attempt(part, later) for part in step.parts)
            return all(made) if step.chain else all([*made])
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
        """What is left to do, as soon as AWS shows the changes; None when the resource could not be read."""
        remaining: Left | None = None
        try:
            for remaining in readings(left):
                unsure = any(answer is None for _, answer in self._tried)
                if not remaining or settled(remaining) or (self.problems and not unsure):
                    break
                # New drift is fixed in a further round; an old response is not drift, so wait.
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
        """The steps that were made, and the unsure steps that reading again confirmed or could not rule out."""
        still = [leaf.call for step in remaining or () if isinstance(step, Step) for leaf in step.leaves]
        known = remaining is not None and not any(isinstance(each, str) for each in remaining)
        made: list[tuple[Step, Answer]] = []
        for step, answer in self._tried:
            if answer is not None:
                made.append((step, answer))
                continue
            if step.call in still:
                continue
            self.notes.append(f"{step.does}: AWS returned an error, but {'did' if known else 'may have done'} it")
            if callable(step.inverse) and not step.undo({}):
                self.notes.append(f"{step.does}: the call that undoes it is unknown")
            made.append((replace(step, unsure=not known), {}))
        return made
