"""Sends a test event through EventBridge to each realtime function, and waits for the function's log line.

Only this tests the whole path: bus, rule, permission, role, archive, policy. The event reports no change: it has this
project's own source, names no resource, and has an error code, like a call that AWS rejected. Our functions write a log
line before they read anything; c7n's own handler skips the event as a failed call, and logs that.
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
from .reading import AccountReader, attempt
from .verdict import HealthVerdict, broken, ok, unknown

# PutEvents accepts ten entries.
_A_CALL = 10
_POLL_SECONDS = (0.5, 1.0, 2.0)
_LOG_MARGIN_MS = 60_000


class ProbeUnfit(Exception):
    """No test event can match the pattern; the message says why."""


@dataclass(frozen=True)
class Probe:
    """One event for one function."""

    wanted: ExpectedFunction
    marker: str
    detail_type: str
    detail: Mapping[str, Any]

    def entry(self) -> dict[str, Any]:
        """The event as an entry of PutEvents."""
        return {"Source": PROBE_SOURCE, "DetailType": self.detail_type, "Detail": json.dumps(self.detail)}


def probe(wanted: ExpectedFunction, pattern: Mapping[str, Any], variables: Mapping[str, str]) -> Probe:
    """An event that matches the rule's `pattern`. Raises ProbeUnfit when there is none.

    `variables`: the function's environment variables; one of them makes c7n handle failed calls, too.
    """
    if variables.get("C7N_SKIP_ERR_EVENT", "yes") != "yes":
        # An older archive, or c7n's own handler, would handle the event as a real one.
        raise ProbeUnfit("C7N_SKIP_ERR_EVENT is set, so the function would handle events of rejected calls")
    if unfit := sorted(pattern.keys() - {"source", "detail-type", "detail", "account", "region"}):
        raise ProbeUnfit(f"its event rule requires {', '.join(unfit)}, which only AWS can send")
    if PROBE_SOURCE not in pattern.get("source", [PROBE_SOURCE]):
        raise ProbeUnfit(f"its event rule does not accept the source {PROBE_SOURCE}, so only AWS can send its events")
    types = [each for each in pattern.get("detail-type") or () if isinstance(each, str)]
    if not types:
        raise ProbeUnfit("its event rule has no detail-type")
    marker = f"{PROBE_PREFIX}{uuid4()}"
    detail = _matching(pattern.get("detail") or {}, marker, "detail")
    for key, wanted_there in (("errorCode", marker), ("eventID", marker)):
        if key in (pattern.get("detail") or {}):
            raise ProbeUnfit(f"its event rule requires detail.{key}")
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
            raise ProbeUnfit(f"its event rule compares {here} in a way that probes do not support")
        found[key] = fitting[0]
    return found


def _value(choice: Any, marker: str) -> Any:
    """A value that matches one choice of a pattern; None when none is known."""
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
    """A probe for each function, from the arguments of `probe`; and a verdict by function where none is possible."""
    ready: list[Probe] = []
    unfit: dict[str, HealthVerdict] = {}
    for each, pattern, variables in wanted:
        try:
            ready.append(probe(each, pattern, variables))
        except ProbeUnfit as problem:
            unfit[each.function] = unknown("fire", str(problem), "make a real change, and read the function's log")
    return ready, unfit


def fire(
    reader: AccountReader, probes: Sequence[Probe], seconds: float, *, heard_by: AccountReader | None = None,
    clock: Callable[[], float] = time.monotonic, pause: Callable[[float], None] = time.sleep,
) -> dict[str, HealthVerdict]:
    """Send the probes and wait for their log lines for at most `seconds`. Returns a verdict by function name.

    `heard_by`: reads the account and region of the functions, when the probes are sent in another one.
    """
    heard_by = heard_by or reader
    since = int(time.time() * 1000) - _LOG_MARGIN_MS
    verdicts: dict[str, HealthVerdict] = {}
    waiting: dict[str, Probe] = {}
    for first in range(0, len(probes), _A_CALL):
        some = probes[first:first + _A_CALL]
        for each, problem in zip(some, _put(reader, some), strict=True):
            if problem:
                verdicts[each.wanted.function] = unknown(
                    "fire", problem, "allow the current credentials to call events:PutEvents")
            else:
                waiting[each.wanted.function] = each
    end = clock() + seconds
    delays = iter(_POLL_SECONDS)
    delay = next(delays)
    while waiting:
        last = clock() >= end
        for name, each in list(waiting.items()):
            lines = _log_lines(heard_by, each.wanted.runs_in, each.marker, since)
            if verdict := answer(
                    each.marker, lines, last=last, seconds=seconds,
                    policy=each.wanted.policy.name if each.wanted.group else ""):
                verdicts[name] = verdict
                del waiting[name]
        if waiting:
            pause(delay)
            delay = next(delays, delay)
    return verdicts


def answer(
    marker: str, lines: Sequence[str] | Unread, *, last: bool, seconds: float, policy: str = "",
) -> HealthVerdict | None:
    """The verdict on a probe from the log; None when it is worth waiting longer.

    `policy`: whose answer it must be, if the function runs many. Other policies can subscribe to the same event.
    """
    if isinstance(lines, Unread):
        return unknown("fire", f"its log cannot be read: {lines.reason}")
    # The second line is written by c7n's own handler, or by an older archive, which skips a failed call.
    if any(f"probe {marker}: {policy}" in line and "is ready" in line for line in lines) or any(
            f"Skipping failed operation: {marker}" in line for line in lines):
        return ok("fire", "the event arrived")
    if not last:
        return None
    if lines:
        return broken("fire", "the event arrived, but the policy could not be loaded", "read the function's log")
    return broken("fire", f"no line in its log within {seconds:.0f} seconds: the event did not arrive, or the "
                  "function cannot write its log", "see its other checks; raise --wait for a slow account")


def _put(reader: AccountReader, probes: Sequence[Probe]) -> list[str]:
    """Why each probe was not accepted; empty when it was."""
    response = attempt(lambda: reader.client("events").put_events(Entries=[each.entry() for each in probes]))
    if response is None or isinstance(response, Unread):
        return [response.reason if response else "the event bus does not exist"] * len(probes)
    return [
        f"{entry['ErrorCode']}: {entry.get('ErrorMessage', '')}" if entry.get("ErrorCode") else ""
        for entry in response["Entries"]]


def _log_lines(reader: AccountReader, function: str, marker: str, since: int) -> Sequence[str] | Unread:
    """The lines of the function's log that contain the marker; none when it has no log yet."""
    found = attempt(lambda: [
        event["message"] for event in reader.pages(
            "logs", "filter_log_events", "events", logGroupName=f"/aws/lambda/{function}", startTime=since,
            filterPattern=f'"{marker}"')])
    return [] if found is None else found
