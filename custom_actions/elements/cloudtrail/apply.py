"""Carry out a plan on one trail, and read the trail back.

Source: CloudTrail's DescribeTrails, GetTrailStatus, GetEventSelectors, StartLogging, UpdateTrail and
PutEventSelectors, all in the trail's home region.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from ...aws import call, readings, reason_of
from ...fixing import Call, Outcome
from .event import SELECT, STOP
from .plan import Plan
from .state import Setting, Trail, answered_settings, selectors_in

_ONE_STEP = (
    ("IncludeGlobalServiceEvents", "IsMultiRegionTrail"),
    ("CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn"),
    ("S3BucketName", "S3KeyPrefix"),
)
"""Settings that depend on one another; every other one is a step of its own."""


class TrailGone(Exception):
    """The trail is not there any more."""


@dataclass
class Result:
    """What happened to one trail: what was really changed, how it ended, and why."""

    outcome: Outcome
    reason: str = ""
    removed: dict[str, Any] = field(default_factory=dict)
    """What the event had left, of that which was changed."""
    added: dict[str, Any] = field(default_factory=dict)
    """What is there instead."""
    inverse: list[Call] = field(default_factory=list)
    notes: tuple[str, ...] = ()


def read_trail(client: Any, arn: str, event: str) -> Trail:
    """The trail as it is, in what an event of this name changes. Raises ClientError and TrailGone."""
    if event == STOP:
        return Trail(arn, logging=call(client.get_trail_status, Name=arn)["IsLogging"])
    if event == SELECT:
        return Trail(arn, selectors=selectors_in(call(client.get_event_selectors, TrailName=arn)))
    for trail in call(client.describe_trails, trailNameList=[arn])["trailList"]:
        if trail["TrailARN"] == arn:
            return Trail(arn, answered_settings(trail))
    raise TrailGone(f"{arn} is not there any more")


def apply(
    client: Any, trail: Trail, plan: Plan, read: Callable[[], Trail], replan: Callable[[Trail], Plan]
) -> Result:
    """Carry out `plan` on `trail`; `read` reads it again, and `replan` says what is left to do then.

    An AWS error ends no more than its own step: it is part of the result, never raised.
    """
    unknown = f"what {', '.join(plan.unknown)} was before is in no earlier event, and not declared: left as it is"
    if not plan:
        outcome = Outcome.REFUSED if plan.unknown else Outcome.ALREADY_OK
        return Result(outcome, unknown if plan.unknown else "", notes=plan.notes)
    result = Result(Outcome.FAILED, notes=plan.notes)
    problems: list[str] = []

    if plan.start and _do(client.start_logging, {"Name": trail.arn}, problems):
        result.removed["IsLogging"], result.added["IsLogging"] = False, True
        result.inverse.append(Call("cloudtrail", "stop_logging", {"Name": trail.arn}))
    if plan.settings:
        _set(client, trail, plan, result, problems)
    if plan.selectors and _do(
        client.put_event_selectors, {"TrailName": trail.arn, **plan.selectors.parameters()}, problems
    ):
        result.added |= plan.selectors.parameters()
        if trail.selectors:
            drifted = trail.selectors.parameters()
            result.removed |= drifted
            result.inverse.append(Call("cloudtrail", "put_event_selectors", {"TrailName": trail.arn, **drifted}))

    left = _read_back(read, replan, problems)
    if left is not None and not left:
        # Whatever went wrong on the way, the trail is as it should be.
        result.outcome = Outcome.PARTIAL if plan.unknown else Outcome.REVERTED
        result.reason = unknown if plan.unknown else ""
        return result
    if left:
        problems += [f"left: {line}" for line in left.lines()]
    if plan.unknown:
        problems.append(unknown)
    result.outcome = Outcome.PARTIAL if result.added else Outcome.FAILED
    result.reason = "; ".join(problems)
    return result


def _set(client: Any, trail: Trail, plan: Plan, result: Result, problems: list[str]) -> None:
    """Set the settings in one call, or step by step when a bad one among them would keep back the others."""
    steps = _steps(plan.settings)
    first: list[str] = []
    if not _set_one(client, trail, plan, plan.settings, result, first if len(steps) > 1 else problems):
        for step in steps if len(steps) > 1 else ():
            _set_one(client, trail, plan, step, result, problems)


def _set_one(
    client: Any, trail: Trail, plan: Plan, settings: Mapping[str, Setting], result: Result, problems: list[str]
) -> bool:
    beside = {
        name: value for name, value in plan.together.items()
        if any(name in group and not settings.keys().isdisjoint(group) for group in _ONE_STEP)
    }
    if not _do(client.update_trail, {"Name": trail.arn, **beside, **settings}, problems):
        return False
    drifted = {name: trail.settings[name] for name in settings if name in trail.settings}
    result.added |= settings
    result.removed |= drifted
    if drifted:
        result.inverse.append(Call("cloudtrail", "update_trail", {"Name": trail.arn, **beside, **drifted}))
    return True


def _steps(settings: Mapping[str, Setting]) -> list[dict[str, Setting]]:
    groups = [*_ONE_STEP, *((name,) for name in settings if not any(name in group for group in _ONE_STEP))]
    steps = [{name: settings[name] for name in group if name in settings} for group in groups]
    return [step for step in steps if step]


def _do(operation: Callable[..., Any], parameters: Mapping[str, Any], problems: list[str]) -> bool:
    try:
        call(operation, **parameters)
    except ClientError as error:
        problems.append(reason_of(error))
    except ParamValidationError as error:
        # The runtime's botocore is older than a parameter in CloudTrail's record.
        problems.append(str(error))
    else:
        return True
    return False


def _read_back(read: Callable[[], Trail], replan: Callable[[Trail], Plan], problems: list[str]) -> Plan | None:
    """What is left to do, once CloudTrail shows the changes; None when the trail could not be read."""
    left = None
    try:
        for left in readings(lambda: replan(read())):
            if not left or problems:
                break
    except ClientError as error:
        problems.append(f"could not read the trail back: {reason_of(error)}")
        return None
    except TrailGone as error:
        problems.append(str(error))
        return None
    return left
