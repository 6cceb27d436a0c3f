"""The plan that puts back what an event took from a trail: pure functions, and the plan as data."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from .event import EVENTS, SELECT, STOP, UPDATE, Before, Record, arn_of, before, request_of
from .state import FLAGS, SETTINGS, Selectors, Setting, Trail, requested_settings

SELECTORS = "the event selectors"
"""What `unknown` calls them, beside the settings' names."""

_PAIRS = (("CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn"),)
"""Settings that UpdateTrail takes only together."""


class EventError(ValueError):
    """An event that cannot be undone; the message says why."""


@dataclass(frozen=True)
class Declared:
    """What a policy declares.

    Attributes:
        settings: UpdateTrail's parameters; each wins over what the history tells.
        selectors: event selectors for a trail whose earlier ones the history does not tell.
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    selectors: Selectors | None = None


@dataclass(frozen=True)
class Target:
    """What a trail should be again, in what one event changed.

    Attributes:
        settings: the settings that the event changed, with the values to go back to.
        selectors: the event selectors to go back to; None when the event did not change them, or nobody knows.
        logging: whether the trail must log.
        unknown: what the event changed and nobody knows the earlier state of.
        notes: what a person should know of where the target comes from.
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
        together: settings that stay as they are, but that UpdateTrail wants beside one of `settings`.
        selectors: event selectors to put; None to leave them.
        start: whether to start logging.
        unknown: what stays as the event left it, because nobody knows what it was.
        notes: what a person should know beside that.
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
        """The plan for a reader, one step a line."""
        return [
            *(["start logging"] if self.start else []),
            *(f"set {name} to {value!r}" for name, value in self.settings.items()),
            *([f"put {self.selectors.kind} back"] if self.selectors else []),
        ]


def target_of(
    record: Record, earlier: Callable[[], Iterable[Record]], declared: Declared, is_own: Callable[[Record], bool]
) -> Target:
    """What the trail of `record` should be again.

    Args:
        record: a CloudTrail record of one of `EVENTS`.
        earlier: gives the earlier changes of the trail, newest first; called only when the policy does not say all.
        declared: what the policy says.
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
    raise EventError(f"the event {name or 'without a name'} is not one of {', '.join(EVENTS)}")


def _selectors(stood: Before, declared: Declared) -> Target:
    if stood.selectors:
        return Target(selectors=stood.selectors)
    if declared.selectors:
        return Target(selectors=declared.selectors, notes=(
            f"what {SELECTORS} were is in no earlier event: those that the policy declares took their place",
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
    # A parameter that AWS has added since this was written: we cannot read it back, so we do not guess.
    strange = sorted(set(request) - {"Name", *SETTINGS})
    notes = []
    for name in FLAGS:
        if target.get(name) is False and name not in declared.settings:
            del target[name]
            changed.pop(name)
            if request[name]:
                notes.append(f"{name} was turned on, which takes nothing from the trail: left on")
    unknown = tuple(name for name in (*changed, *strange) if name not in target)
    return Target(target, unknown=unknown, notes=tuple(notes))


def plan_trail(trail: Trail, target: Target) -> Plan:
    """The plan that brings `trail` to `target`; it touches nothing that the target does not name."""
    settings = {name: value for name, value in target.settings.items() if trail.settings.get(name) != value}
    together: dict[str, Setting] = {}
    for pair in _PAIRS:
        if any(name in settings for name in pair):
            together |= {name: trail.settings.get(name, "") for name in pair if name not in settings}
    selectors, notes = target.selectors, target.notes
    if selectors and trail.selectors and trail.selectors.covers(selectors):
        if trail.selectors != selectors:
            notes = (f"{SELECTORS} record all that they should, and more, which takes nothing: left as they are",)
        selectors = None
    return Plan(
        settings,
        together,
        selectors,
        start=target.logging and not trail.logging,
        # A flag that is on was not taken away, whatever it was before.
        unknown=tuple(name for name in target.unknown if trail.settings.get(name) is not True),
        notes=notes,
    )


def foreign(trail: Mapping[str, object], account: str, region: str) -> str:
    """Why a trail of DescribeTrails cannot be changed from this account and region; empty when it can.

    The same cases as c7n's filter `is-shadow`.
    """
    arn = str(trail["TrailARN"])
    if account not in arn:
        return f"the trail belongs to {arn.split(':')[4]}, an organization's account: change it there, not in {account}"
    home = trail.get("HomeRegion") or arn.split(":")[3]
    return f"the trail's home region is {home}: it cannot be changed in {region}" if home != region else ""
