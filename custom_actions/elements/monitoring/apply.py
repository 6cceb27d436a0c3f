"""Making the steps of a plan, and checking the monitoring path again.

Source: SNS's CreateTopic and Subscribe, CloudWatch Logs' PutMetricFilter, CloudWatch's PutMetricAlarm.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...aws import AWS_ERRORS, reason_of
from ...fixing import FixResult, Left, Outcome, Step, Subject, calls, carry_out
from .chain import Link, Verdict
from .plan import AlarmPlan, AlarmStep


def apply(
    plan: AlarmPlan, client: Callable[[str, str], Any], judge: Callable[[], Mapping[str, Verdict]],
    again: Callable[[], AlarmPlan],
) -> FixResult:
    """Make the steps of `plan`, and return the result.

    Args:
        client: returns a boto3 client for a service and a region.
        judge: checks the plan's classes of events again; returns those that still lack a link.
        again: plans again, for the same region.

    An error stops the steps of its own class of events, not the others. It is part of the result and never raised.
    """
    return Subject(region=plan.region).fix(lambda: _apply(plan, client, judge, again))


def _apply(
    plan: AlarmPlan, client: Callable[[str, str], Any], judge: Callable[[], Mapping[str, Verdict]],
    again: Callable[[], AlarmPlan],
) -> FixResult:
    refused = "; ".join(f"{events}: {reason}" for events, reason in plan.refused.items())
    found: dict[str, Verdict] = {}

    def left() -> Left:
        found.clear()
        found.update(judge() if plan.events else {})
        return [f"{events}: {verdict}" for events, verdict in found.items()]

    def settled(_: Left) -> bool:
        # Waiting brings neither a trail nor a person's confirmation.
        return all(verdict.missing in (Link.TRAIL, Link.SUBSCRIPTION) for verdict in found.values())

    if plan.steps:
        return carry_out(
            _steps(plan), calls(lambda service: client(service, plan.region)), left,
            cannot=refused, settled=settled, again=lambda: _steps(again()))
    return _nothing_to_do(left, refused)


def _nothing_to_do(left: Callable[[], Left], refused: str) -> FixResult:
    try:
        problems = [*filter(None, [refused]), *map(str, left())]
    except AWS_ERRORS as error:
        return FixResult(Outcome.FAILED, f"could not read it again: {reason_of(error)}")
    return FixResult(Outcome.REFUSED if problems else Outcome.ALREADY_OK, "; ".join(problems))


def _steps(plan: AlarmPlan) -> list[Step]:
    return [_step(plan, each) for each in plan.steps]


def _step(plan: AlarmPlan, step: AlarmStep) -> Step:
    return Step(
        f"{step.events or 'topic'}: {plan.line(step)}", step.call, step.inverse, removed=step.replaced,
        added={"call": f"{step.call.service}:{step.call.operation}", **step.call.parameters},
        note=step.note, chain=step.events or "topic", overwrites=bool(step.replaced))
