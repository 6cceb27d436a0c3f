"""Carry out a plan, and follow the events again.

Source: SNS's CreateTopic and Subscribe, CloudWatch Logs' PutMetricFilter, CloudWatch's PutMetricAlarm.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from ...aws import call, readings, reason_of
from ...fixing import Call, Outcome
from .chain import Link, Verdict
from .plan import Plan


@dataclass
class Result:
    """What was really created in one region, how it ended, and why."""

    region: str
    outcome: Outcome = Outcome.REFUSED
    reason: str = ""
    removed: list[dict[str, Any]] = field(default_factory=list)
    """What stood there instead."""
    added: list[dict[str, Any]] = field(default_factory=list)
    inverse: list[Call] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def apply(plan: Plan, client: Callable[[str, str], Any], judge: Callable[[], Mapping[str, Verdict]]) -> Result:
    """Carry out `plan`.

    Args:
        client: gives a boto3 client for a service and a region.
        judge: follows the plan's classes of events anew; gives those that still lack a link.

    An AWS error ends the steps of its own class of events, no others: it is part of the result, never raised.
    """
    result, problems, failed = Result(plan.region), [], set()
    for step in plan.steps:
        if step.events in failed:
            continue
        try:
            call(getattr(client(step.call.service, plan.region), step.call.operation), **step.call.parameters)
        except (ClientError, ParamValidationError) as error:
            failed.add(step.events)
            why = reason_of(error) if isinstance(error, ClientError) else str(error)
            problems.append(f"{step.events or 'topic'}: {why}")
            continue
        result.added.append({"call": f"{step.call.service}:{step.call.operation}", **step.call.parameters})
        if step.replaced:
            result.removed.append(dict(step.replaced))
        # What was made last goes first.
        result.inverse[:0] = step.inverse
        if step.note:
            result.notes.append(step.note)

    problems += [f"{events}: {reason}" for events, reason in plan.refused.items()]
    left = _read_back(judge, problems) if plan.events else {}
    if left is None:
        result.outcome = Outcome.PARTIAL if result.added else Outcome.FAILED
    elif not left and not plan.refused:
        result.outcome = Outcome.REVERTED if result.added else Outcome.ALREADY_OK
        return result
    else:
        problems += [f"{events}: {verdict}" for events, verdict in left.items()]
        if result.added:
            result.outcome = Outcome.PARTIAL
        elif plan.steps:
            result.outcome = Outcome.FAILED
    result.reason = "; ".join(dict.fromkeys(problems))
    return result


def _read_back(judge: Callable[[], Mapping[str, Verdict]], problems: list[str]) -> Mapping[str, Verdict] | None:
    """What is still missing; None when it cannot be read."""
    left: Mapping[str, Verdict] = {}
    try:
        for left in readings(judge):
            # Neither a trail nor a person's confirmation comes by waiting.
            if all(verdict.missing in (Link.TRAIL, Link.SUBSCRIPTION) for verdict in left.values()):
                break
    except ClientError as error:
        problems.append(f"reading it again: {reason_of(error)}")
        return None
    return left
