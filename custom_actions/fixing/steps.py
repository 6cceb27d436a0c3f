"""A fix as a list of steps, each one AWS call and the call that takes it back; and carrying such a list out.

For fixes that are a few calls. What is to be done is decided by a pure function that makes the steps; the same
function, on what is read afterwards, says what is left to do.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from ..aws import call, readings, reason_of
from .event_fix import Fixed
from .receipt import Call, Outcome


@dataclass(frozen=True)
class Step:
    """One call of a fix.

    Attributes:
        does: what it does, for a reader.
        call: the call.
        inverse: the call that takes it back; or what makes that call from the answer, where an id is made.
        removed: what the call takes away.
        added: what is there instead.
    """

    does: str
    call: Call
    inverse: Call | Callable[[Mapping[str, Any]], Call] | None = None
    removed: Mapping[str, Any] = field(default_factory=dict)
    added: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What to do to one resource.

    Attributes:
        steps: in the order to make them; none when there is no drift.
        cannot: what cannot be put right, and why: nobody knows how it was, or AWS takes it later. At best the outcome
            is then partial.
        notes: what a person should know.
    """

    steps: Sequence[Step] = ()
    cannot: str = ""
    notes: Sequence[str] = ()


def carry_out(client: Callable[[str], Any], plan: Callable[[], Plan]) -> Fixed:
    """Plan, make the calls, and plan again, to say how it ended.

    Args:
        client: gives boto3's client of a service.
        plan: reads the resource, and says what to do.

    An AWS error ends no more than its own step: it is part of the result, never raised.
    """
    try:
        planned = plan()
    except ClientError as error:
        return Fixed(Outcome.FAILED, reason_of(error))
    if not planned.steps:
        outcome = Outcome.REFUSED if planned.cannot else Outcome.ALREADY_OK
        return Fixed(outcome, planned.cannot, notes=planned.notes)
    done: list[Step] = []
    inverse: list[Call] = []
    problems: list[str] = []
    for step in planned.steps:
        answer = _make(client, step.call, problems)
        if answer is None:
            continue
        done.append(step)
        if step.inverse is not None:
            inverse.append(step.inverse if isinstance(step.inverse, Call) else step.inverse(answer))
    left = _read_back(plan, problems)
    outcome = Outcome.REVERTED
    if left is None or left:
        problems += [f"left: {step.does}" for step in left or ()]
        outcome = Outcome.PARTIAL if done else Outcome.FAILED
    elif planned.cannot:
        outcome, problems = Outcome.PARTIAL, []
    else:
        # Whatever went wrong on the way, the resource is as it should be.
        problems = []
    if planned.cannot:
        problems.append(planned.cannot)
    return Fixed(
        outcome, "; ".join(problems),
        removed=[dict(step.removed) for step in done if step.removed],
        added=[dict(step.added) for step in done if step.added],
        # Taken back from the last to the first.
        inverse=inverse[::-1], notes=planned.notes,
    )


def _make(client: Callable[[str], Any], wanted: Call, problems: list[str]) -> Mapping[str, Any] | None:
    try:
        answer = call(getattr(client(wanted.service), wanted.operation), **wanted.parameters) or {}
    except ClientError as error:
        problems.append(reason_of(error))
        return None
    except ParamValidationError as error:
        # A record names a parameter that the runtime's botocore is too old for.
        problems.append(str(error))
        return None
    # Calls on several things at once answer 200, and name those that failed.
    failed = [str((each.get("Error") or {}).get("Message")) for each in answer.get("Unsuccessful") or ()]
    problems += failed
    return None if failed else answer


def _read_back(plan: Callable[[], Plan], problems: list[str]) -> Sequence[Step] | None:
    """What is left to do, once AWS shows the changes; None when the resource could not be read."""
    left: Sequence[Step] | None = None
    try:
        for left in readings(lambda: plan().steps):
            if not left or problems:
                break
    except ClientError as error:
        problems.append(f"could not read it back: {reason_of(error)}")
        return None
    return left
