"""The steps of a plan for one trail, and reading the trail.

Source: CloudTrail's DescribeTrails, GetTrailStatus, GetEventSelectors, StartLogging, UpdateTrail and
PutEventSelectors, all in the trail's home region.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...aws import call
from ...errors import CannotRead
from ...fixing import Call, FixPlan, FixResult, Outcome, Step
from .event import SELECT, STOP
from .plan import Declared, Plan
from .state import Setting, Trail, answered_settings, selectors_in

_ONE_STEP = (
    ("IncludeGlobalServiceEvents", "IsMultiRegionTrail"),
    ("CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn"),
    ("S3BucketName", "S3KeyPrefix"),
)
"""Settings that depend on each other; every other setting is a step of its own."""


class TrailGone(CannotRead):
    """The trail no longer exists."""


def read_trail(client: Any, arn: str, event: str) -> Trail:
    """The part of the trail that an event of this name changes. Raises one of AWS_ERRORS, or TrailGone."""
    if event == STOP:
        return Trail(arn, logging=call(client.get_trail_status, Name=arn)["IsLogging"])
    if event == SELECT:
        return Trail(arn, selectors=selectors_in(call(client.get_event_selectors, TrailName=arn)))
    for trail in call(client.describe_trails, trailNameList=[arn])["trailList"]:
        if trail["TrailARN"] == arn:
            return Trail(arn, answered_settings(trail))
    raise TrailGone(f"{arn} no longer exists")


def fix_plan(trail: Trail, plan: Plan, declared: Declared) -> FixPlan:
    """The plan as steps, in order, and what cannot be restored because it is unknown.

    What the policy itself declares needs no confirmation; what comes from the event history does.
    """
    steps = []
    if plan.start:
        steps.append(Step(
            "start logging", Call("cloudtrail", "start_logging", {"Name": trail.arn}),
            Call("cloudtrail", "stop_logging", {"Name": trail.arn}),
            removed={"IsLogging": False}, added={"IsLogging": True}))
    own = {name: value for name, value in plan.settings.items() if declared.settings.get(name) == value}
    for settings, confirm in ((own, False), ({n: v for n, v in plan.settings.items() if n not in own}, True)):
        if settings:
            parts = [_setting(trail, plan, group, confirm=confirm) for group in _groups(settings)]
            # One invalid setting must not prevent the others.
            steps.append(_setting(trail, plan, settings, parts if len(parts) > 1 else (), confirm=confirm))
    if plan.selectors:
        wanted = plan.selectors.parameters()
        drifted = trail.selectors.parameters() if trail.selectors else {}
        undo = (Call("cloudtrail", "put_event_selectors", {"TrailName": trail.arn, **drifted}),) if drifted else ()
        steps.append(Step(
            "put the event selectors", Call("cloudtrail", "put_event_selectors", {"TrailName": trail.arn, **wanted}),
            undo, removed=drifted, added=wanted, confirm=plan.selectors != declared.selectors, overwrites=True))
    unknown = (
        f"the earlier value of {', '.join(plan.unknown)} is in no event, and the policy declares none: not changed"
        if plan.unknown else "")
    return FixPlan(steps, unknown, plan.notes)


def summarised(made: Sequence[tuple[Step, Mapping[str, Any]]]) -> FixResult:
    """What was removed and added, as one entry each, and the calls that undo it."""
    removed = {name: value for step, _ in made for name, value in step.removed.items()}
    added = {name: value for step, _ in made for name, value in step.added.items()}
    return FixResult(
        Outcome.REVERTED, removed=[removed] if removed else [], added=[added] if added else [],
        inverse=[undo for step, answer in made for undo in step.undo(answer)])


def _setting(
    trail: Trail, plan: Plan, settings: Mapping[str, Setting], parts: Sequence[Step] = (), *, confirm: bool
) -> Step:
    beside = {
        name: value for name, value in plan.together.items()
        if any(name in group and not settings.keys().isdisjoint(group) for group in _ONE_STEP)
    }
    drifted = {name: trail.settings[name] for name in settings if name in trail.settings}
    undo = (Call("cloudtrail", "update_trail", {"Name": trail.arn, **beside, **drifted}),) if drifted else ()
    return Step(
        f"set {', '.join(settings)}", Call("cloudtrail", "update_trail", {"Name": trail.arn, **beside, **settings}),
        undo, removed=drifted, added=settings, parts=parts, confirm=confirm,
        overwrites=True)


def _groups(settings: Mapping[str, Setting]) -> list[dict[str, Setting]]:
    groups = [*_ONE_STEP, *((name,) for name in settings if not any(name in group for group in _ONE_STEP))]
    steps = [{name: settings[name] for name in group if name in settings} for group in groups]
    return [step for step in steps if step]
