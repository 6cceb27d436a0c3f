"""The plan that restores what an event changed on a trail: pure functions, and the plan as data."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from .event import EVENTS, SELECT, STOP, UPDATE, Before, Record, arn_of, before, request_of
from .state import FLAGS, SETTINGS, Selectors, Setting, Trail, requested_settings

SELECTORS = "the event selectors"
"""Their name in `unknown`, beside the names of settings."""

_PAIRS = (("CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn"),)
"""Settings that UpdateTrail accepts only together."""


class EventError(ValueError):
    """An event that cannot be undone; the message says why."""


@dataclass(frozen=True)
class Declared:
    """What a policy declares.

    Attributes:
        settings: UpdateTrail's parameters; each takes precedence over the event history.
        selectors: event selectors for a trail whose earlier ones are not in the history.
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    selectors: Selectors | None = None


@dataclass(frozen=True)
class Target:
    """The state to restore, of the part of a trail that one event changed.

    Attributes:
        settings: the settings that the event changed, with the values to restore.
        selectors: the event selectors to restore; None when the event did not change them, or they are unknown.
        logging: whether the trail must log.
        unknown: what the event changed and whose earlier state is unknown.
        notes: what a person should know about the origin of the target.
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    selectors: Selectors | None = None
    logging: bool = False
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What to do to one trail.

    Attributes:
        settings: settings to set, with their values.
        together: settings that do not change, but that UpdateTrail requires together with one of `settings`.
        selectors: event selectors to put; None to leave them.
        start: whether to start logging.
        unknown: what is not restored, because its earlier state is unknown.
        notes: what else a person should know.
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    together: Mapping[str, Setting] = field(default_factory=dict)
    selectors: Selectors | None = None
    start: bool = False
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is something to do."""
        return bool(self.settings or self.selectors or self.start)

    def lines(self) -> list[str]:
        """The plan in words, one line for each step."""
        return [
            *(["start logging"] if self.start else []),
            *(f"set {name} to {value!r}" for name, value in self.settings.items()),
            *([f"restore {self.selectors.kind}"] if self.selectors else []),
        ]


def target_of(
    record: Record, earlier: Callable[[], Iterable[Record]], declared: Declared, is_own: Callable[[Record], bool]
) -> Target:
    """The state to restore for the trail of `record`.

    Args:
        record: a CloudTrail record of one of `EVENTS`.
        earlier: returns the earlier changes of the trail, newest first; called only when they are needed.
        declared: what the policy declares.
        is_own: whether our own role made a change.

    Raises EventError when the record is not one of `EVENTS`.
    """
    name = record.get("eventName")
    if name == STOP:
        return Target(logging=True)
    if name == SELECT:
        return _selectors(before(record, earlier(), is_own), declared)
    if name == UPDATE:
        return _settings(record, earlier, declared, is_own)
    raise EventError(f"the event must be one of {', '.join(EVENTS)}, got {name or 'one without a name'}")


def _selectors(stood: Before, declared: Declared) -> Target:
    if stood.selectors:
        return Target(selectors=stood.selectors)
    if declared.selectors:
        return Target(selectors=declared.selectors, notes=(
            f"no earlier event contains {SELECTORS}: those that the policy declares are used",
        ))
    return Target(unknown=(SELECTORS,))


def _settings(
    record: Record, earlier: Callable[[], Iterable[Record]], declared: Declared, is_own: Callable[[Record], bool]
) -> Target:
    request = request_of(record)
    changed = requested_settings(request, arn_of(record))
    target = {name: declared.settings[name] for name in changed if name in declared.settings}
    if len(target) < len(changed):
        stood = before(record, earlier(), is_own)
        target = {name: stood.settings[name] for name in changed if name in stood.settings} | target
    # A parameter that AWS has added since this was written: we cannot read it, so we do not guess.
    strange = sorted(set(request) - {"Name", *SETTINGS})
    notes = []
    for name in FLAGS:
        if target.get(name) is False and name not in declared.settings:
            del target[name]
            changed.pop(name)
            if request[name]:
                notes.append(f"{name} was turned on, which does not weaken the trail: left on")
    unknown = tuple(name for name in (*changed, *strange) if name not in target)
    return Target(target, unknown=unknown, notes=tuple(notes))


def plan_trail(trail: Trail, target: Target) -> Plan:
    """The plan that brings `trail` to `target`; it changes nothing that is not in the target."""
    settings = {name: value for name, value in target.settings.items() if trail.settings.get(name) != value}
    together: dict[str, Setting] = {}
    for pair in _PAIRS:
        if any(name in settings for name in pair):
            together |= {name: trail.settings.get(name, "") for name in pair if name not in settings}
    selectors, notes = target.selectors, target.notes
    if selectors and trail.selectors and trail.selectors.covers(selectors):
        if trail.selectors != selectors:
            notes = (f"{SELECTORS} record all that they should, and more: not changed",)
        selectors = None
    return Plan(
        settings,
        together,
        selectors,
        start=target.logging and not trail.logging,
        # A flag that is on does not weaken the trail, whatever it was before.
        unknown=tuple(name for name in target.unknown if trail.settings.get(name) is not True),
        notes=notes,
    )


def foreign(trail: Mapping[str, object], account: str, region: str) -> str:
    """Why a trail from DescribeTrails cannot be changed in this account and region; empty when it can.

    These are the cases of c7n's filter `is-shadow`.
    """
    arn = str(trail["TrailARN"])
    if account not in arn:
        return f"the trail belongs to {arn.split(':')[4]}, an organization's account: change it there, not in {account}"
    home = trail.get("HomeRegion") or arn.split(":")[3]
    return f"the trail's home region is {home}: it cannot be changed in {region}" if home != region else ""
