"""A change that a call makes, as the recorder needs it: the step with its inverse, and how to read the result."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...fixing import SETTINGS, Call, SettingsCall, Step, contains

IRREVERSIBLE = "irreversible: "
"""How the note in a receipt begins that says why a call, or a part of it, cannot be undone."""


@dataclass(frozen=True)
class Change:
    """What one call changes.

    Attributes:
        step: the call, with its inverse.
        is_done: reads the resource again; returns whether it is as the call leaves it. Raises one of AWS_ERRORS.
    """

    step: Step
    is_done: Callable[[], bool]


@dataclass(frozen=True)
class Attempt:
    """A call that an action of c7n is about to make.

    Attributes:
        client: the boto3 client that makes it.
        resource: the resource that the action is processing, as c7n has read it.
        settings: the settings of the action in the policy.
    """

    client: Any
    call: Call
    resource: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.call.parameters

    def undo(self, operation: str, **parameters: Any) -> Call:
        """A call of the same service."""
        return Call(self.call.service, operation, parameters)


Plan = Callable[[Attempt], Change | None]
"""Reads the state before a call. Returns None if the call changes nothing.

Raises one of AWS_ERRORS if the state cannot be read, and Refusal if the call must not be made.
"""


def setting(
    attempt: Attempt, name: str, read: Callable[[], Any], wanted: Any, inverse: Call | Sequence[Call], *,
    before: Any, note: str = "",
) -> Change | None:
    """The change of a setting; None if it has the value already.

    Args:
        name: the name of the setting in the receipt.
        read: reads its value.
        wanted: its value after the call. AWS may return more fields than were set.
        before: its value before the call; empty if it is not set.
        note: what the receipt says of it.
    """
    if contains(before, wanted):
        return None
    step = Step(
        f"set {name}", attempt.call, inverse, removed={name: before} if before else {}, added={name: wanted},
        note=note)
    return Change(step, lambda: contains(read(), wanted))


def settings_plan(known: SettingsCall) -> Plan:
    """The plan of a call that changes settings."""
    def plan(attempt: Attempt) -> Change | None:
        if others := known.others(attempt.parameters):
            return unknown(attempt.call, *others)
        identity, wanted = known.identity_of(attempt.parameters), known.settings_of(attempt.parameters)

        def read() -> dict[str, Any]:
            return known.now(attempt.client, identity, list(wanted))

        before = read()
        return setting(
            attempt, SETTINGS, read, wanted, known.calls(identity, before), before=before, note=known.note)

    return plan


def unknown(call: Call, *settings: str) -> Change:
    """The change of a call that is not in the table, or of those of its settings that are not."""
    name = f"{call.service}:{call.operation}"
    of = f"{', '.join(settings)} of {name}" if settings else name
    step = Step(f"call {name}", call, added={name: dict(call.parameters)}, note=(
        f"{IRREVERSIBLE}no inverse is known for {of}, and its result was not read again"))
    return Change(step, lambda: True)


def tags(
    attempt: Attempt, given: Mapping[str, Any], read: Callable[[], Mapping[str, str]], *, sets: bool,
    put: Callable[[str, str], Call], remove: Callable[[str, str], Call],
) -> Change | None:
    """The change of the tags `given`, which the call sets or removes; None if it changes none of them.

    Args:
        read: returns those of the tags that the resource has.
        put, remove: the calls that set or remove one tag, with this key and value.
    """
    def is_done() -> bool:
        now = read()
        return now == given if sets else not now

    before = dict(read())
    if (before == given) if sets else not before:
        return None
    changed = {key: value for key, value in before.items() if not sets or value != given[key]}
    new = {key: str(value) for key, value in given.items() if sets and value != before.get(key)}
    step = Step(
        f"{'set' if sets else 'remove'} the tags {', '.join(given)}", attempt.call,
        [*(put(key, value) for key, value in changed.items()),
         *(remove(key, value) for key, value in new.items() if key not in before)],
        removed=changed, added=new)
    return Change(step, is_done)
