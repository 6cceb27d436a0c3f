"""Sends an event through EventBridge to each realtime function, and waits until its log says that it came.

Nothing else proves the whole way: bus, rule, permission, role, archive, policy. The event tells of no change: it comes
from our own source, names no resource, and has an error code, as a call that AWS refused. Our functions answer it in
their log before anything is looked up; c7n's own handler skips it as a failed call, and says so.
"""
from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from custom_actions.functions import PROBE_PREFIX, PROBE_SOURCE

from .expectations import ExpectedFunction
from .facts import Unread
from .reading import AccountReader, asked
from .verdict import HealthVerdict, broken, ok, unknown

# EventBridge takes ten at once.
_A_CALL = 10
_POLL_SECONDS = (0.5, 1.0, 2.0)
_LOG_MARGIN_MS = 60_000


class ProbeUnfit(Exception):
    """No event of ours can match the pattern; the text says why."""


@dataclass(frozen=True)
class Probe:
    """One event for one function."""

    wanted: ExpectedFunction
    marker: str
    detail_type: str
    detail: Mapping[str, Any]

    def entry(self) -> dict[str, Any]:
        """As PutEvents takes it."""
        return {"Source": PROBE_SOURCE, "DetailType": self.detail_type, "Detail": json.dumps(self.detail)}


def probe(wanted: ExpectedFunction, pattern: Mapping[str, Any], variables: Mapping[str, str]) -> Probe:
    """An event that the rule's `pattern` lets through. Raises Unfit when there is none.

    `variables`: the function's environment, in which c7n can be told to work on failed calls, too.
    """
    if variables.get("C7N_SKIP_ERR_EVENT", "yes") != "yes":
        # An older archive, or c7n's own handler, would take the event for a real one.
        raise ProbeUnfit("C7N_SKIP_ERR_EVENT is set, so that it works on events of refused calls")
    if unfit := sorted(pattern.keys() - {"detail-type", "detail", "account", "region"}):
        raise ProbeUnfit(f"its event rule asks for {', '.join(unfit)}, which only AWS can send")
    types = [each for each in pattern.get("detail-type") or () if isinstance(each, str)]
    if not types:
        raise ProbeUnfit("its event rule names no detail-type")
    marker = f"{PROBE_PREFIX}{uuid4()}"
    detail = _matching(pattern.get("detail") or {}, marker, "detail")
    for key, wanted_there in (("errorCode", marker), ("eventID", marker)):
        if key in (pattern.get("detail") or {}):
            raise ProbeUnfit(f"its event rule asks for detail.{key}")
        detail[key] = wanted_there
    detail["userIdentity"] = detail.get("userIdentity") or {"type": "Synthetic"}
    return Probe(wanted, marker, types[0], detail)


def _matching(pattern: Mapping[str, Any], marker: str, where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, choices in pattern.items():
        here = f"{where}.{key}"
        if isinstance(choices, Mapping):
            found[key] = _matching(choices, marker, here)
            continue
        values = [_value(choice, marker) for choice in choices] if isinstance(choices, list) else []
        fitting = [value for value in values if value is not None]
        if {"exists": False} in (choices if isinstance(choices, list) else ()):
            continue
        if not fitting:
            raise ProbeUnfit(f"its event rule compares {here} in a way that no event was made for")
        found[key] = fitting[0]
    return found


def _value(choice: Any, marker: str) -> Any:
    """A value that the choice of a pattern lets through; None when none is known."""
    if not isinstance(choice, Mapping):
        return choice
    for comparison in ("prefix", "suffix", "equals-ignore-case"):
        if isinstance(choice.get(comparison), str):
            return choice[comparison]
    if choice.get("exists") is True or isinstance(choice.get("anything-but"), str | list):
        return marker
    return None


def probes(
    wanted: Iterable[tuple[ExpectedFunction, Mapping[str, Any], Mapping[str, str]]]
) -> tuple[list[Probe], dict[str, HealthVerdict]]:
    """A probe for each function, of `probe`'s arguments; and a verdict, by function, where none is fit."""
    ready: list[Probe] = []
    unfit: dict[str, HealthVerdict] = {}
    for each, pattern, variables in wanted:
        try:
            ready.append(probe(each, pattern, variables))
        except ProbeUnfit as problem:
            unfit[each.function] = unknown("fire", str(problem), "make a real change, and look at its log")
    return ready, unfit


def fire(
    reader: AccountReader, probes: Sequence[Probe], seconds: float, *, heard_by: AccountReader | None = None,
    clock: Callable[[], float] = time.monotonic, pause: Callable[[float], None] = time.sleep,
) -> dict[str, HealthVerdict]:
    """Send the probes and wait for their log lines at most `seconds`; a verdict for each function by its name.

    `heard_by`: where the functions are, when that is another account or region than the one in which they are sent.
    """
    heard_by = heard_by or reader
    since = int(time.time() * 1000) - _LOG_MARGIN_MS
    verdicts: dict[str, HealthVerdict] = {}
    waiting: dict[str, Probe] = {}
    for first in range(0, len(probes), _A_CALL):
        some = probes[first:first + _A_CALL]
        for each, problem in zip(some, _put(reader, some), strict=True):
            if problem:
                verdicts[each.wanted.function] = unknown("fire", problem, "let these credentials call events:PutEvents")
            else:
                waiting[each.wanted.function] = each
    end = clock() + seconds
    delays = iter(_POLL_SECONDS)
    delay = next(delays)
    while waiting:
        last = clock() >= end
        for name, each in list(waiting.items()):
            said = _said(heard_by, name, each.marker, since)
            if verdict := answer(each.marker, said, last=last, seconds=seconds):
                verdicts[name] = verdict
                del waiting[name]
        if waiting:
            pause(delay)
            delay = next(delays, delay)
    return verdicts


def answer(marker: str, said: Sequence[str] | Unread, *, last: bool, seconds: float) -> HealthVerdict | None:
    """What the log says of a probe; None when it is worth waiting longer."""
    if isinstance(said, Unread):
        return unknown("fire", f"its log: {said.reason}")
    # The line in which c7n's own handler, or an archive of before, lets a failed call go.
    if any(f"probe {marker}:" in line and "is ready" in line for line in said) or any(
            f"Skipping failed operation: {marker}" in line for line in said):
        return ok("fire", "the event came")
    if not last:
        return None
    if said:
        return broken("fire", "the event came, and its policy could not be made ready", "read the function's log")
    return broken("fire", f"no line in its log within {seconds:.0f} seconds: the event did not come, or it cannot log",
                  "see its other checks; --wait for a slow account")


def _put(reader: AccountReader, probes: Sequence[Probe]) -> list[str]:
    """Why each was not taken; empty when it was."""
    answered = asked(lambda: reader.client("events").put_events(Entries=[each.entry() for each in probes]))
    if answered is None or isinstance(answered, Unread):
        return [answered.reason if answered else "no such bus"] * len(probes)
    return [
        f"{entry['ErrorCode']}: {entry.get('ErrorMessage', '')}" if entry.get("ErrorCode") else ""
        for entry in answered["Entries"]]


def _said(reader: AccountReader, function: str, marker: str, since: int) -> Sequence[str] | Unread:
    """The lines of the function's log with the marker; none when it has no log yet."""
    found = asked(lambda: [
        event["message"] for event in reader.pages(
            "logs", "filter_log_events", "events", logGroupName=f"/aws/lambda/{function}", startTime=since,
            filterPattern=f'"{marker}"')])
    return [] if found is None else found
