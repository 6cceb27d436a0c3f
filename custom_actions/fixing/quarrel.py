"""A quarrel: a fix and somebody else change the same thing back and forth. Decides when the fix stops.

A fix may revert one thing of one resource (a rule of a security group, the state of a key) a limited number of times
within a window, 3 times in 10 minutes unless the policy says otherwise. Then it stops reverting that thing until the
oldest of these reverts is older than the window. Other things of the resource are still reverted. A revert that changed
nothing does not count.

Pure: bound.py keeps the history where all instances of the function see it. Others may be able to write there, so
`parse` accepts only what this module could have written, in bounded size.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from .receipt import printable

KEPT_SECONDS = 24 * 3600
"""How long a stop stays in the history, for `doctor`."""
_MOST_REVERTS, _MOST_STOPS = 250, 20
_LONGEST = 200
_CLOCKS_DIFFER_SECONDS = 120
_NAMED = 3
"""How many principals a text names."""


@dataclass(frozen=True)
class QuarrelLimit:
    """How often one thing of a resource may be reverted."""

    reverts: int = 3
    """The number of reverts within the window; 0 for no limit."""
    seconds: int = 600
    """The length of the window."""


@dataclass(frozen=True)
class Revert:
    """One revert of one thing, which is claimed before it is made."""

    at: int
    """In seconds since 1970, like all times of this module."""
    thing: str
    actor: str
    """The principal whose change was reverted; empty if the event does not say."""
    event: str
    """The name of the API call that was reverted."""
    claim: str = ""
    """Identifies the run of the fix that claimed it."""


@dataclass(frozen=True)
class Stop:
    """That a fix stopped reverting a thing."""

    thing: str
    at: int
    until: int
    """When the fix reverts the thing again."""
    reverts: int
    """How often it was reverted within the window."""
    seconds: int
    """The length of the window."""
    actors: tuple[str, ...] = ()
    """Who made the changes that were reverted, and the one that was not."""
    events: tuple[str, ...] = ()
    """The names of their API calls."""

    def text(self, ours: str) -> str:
        """Who fights over what, and until when, on one line. `ours`: the role of the fix."""
        others = f" and {len(self.actors) - _NAMED} others" if len(self.actors) > _NAMED else ""
        who = ", ".join(self.actors[:_NAMED]) + others if self.actors else "somebody unknown"
        return (
            f"stopped: '{self.thing}' was done {self.reverts} times in {_minutes(self.seconds)} by {ours}, and each "
            f"time undone by {who} ({', '.join(self.events[:_NAMED])}); it is not done again before "
            f"{_clock(self.until)}")


@dataclass(frozen=True)
class History:
    """What happened to one resource."""

    about: Mapping[str, str] = field(default_factory=dict)
    """Account, region, policy, action, resource, and the role of the fix."""
    reverts: tuple[Revert, ...] = ()
    stops: tuple[Stop, ...] = ()
    """The newest last; one for each thing."""

    def text(self) -> str:
        """The history as JSON."""
        return json.dumps({
            "about": dict(self.about), "reverts": [asdict(each) for each in self.reverts],
            "stops": [asdict(each) for each in self.stops]})


@dataclass(frozen=True)
class Claim:
    """What a fix may revert now."""

    history: History
    """With the reverts that it may make, and the new stops."""
    allowed: tuple[bool, ...]
    """For each group of things, whether it may be reverted."""
    stopped: tuple[Stop, ...]
    """The things that it may not revert."""


def claim(
    history: History, groups: Sequence[Sequence[str]], limit: QuarrelLimit, *, now: int, actor: str, event: str,
    name: str,
) -> Claim:
    """Decide what may be reverted, and record that it will be.

    Args:
        groups: the things to revert, by `thing_of`. Either everything in a group is reverted or nothing.
        actor: the principal whose change is to be reverted.
        event: the name of its API call.
        name: identifies the claim for `release`.
    """
    kept = [each for each in history.reverts if now - limit.seconds < each.at <= now + _CLOCKS_DIFFER_SECONDS]
    stops = {each.thing: each for each in history.stops if now - KEPT_SECONDS < each.at <= now + _CLOCKS_DIFFER_SECONDS}
    allowed, stopped = [], {}
    actor, event = _short(actor), _short(event)
    for group in groups:
        full = [thing for thing in dict.fromkeys(group)
                if limit.reverts and sum(each.thing == thing for each in kept) >= limit.reverts]
        allowed.append(not full)
        if not full:
            kept += [Revert(now, thing, actor, event, name) for thing in dict.fromkeys(group)]
        for thing in full:
            known = stops.pop(thing, None)
            made = [each for each in kept if each.thing == thing]
            until = min(each.at for each in made[-limit.reverts:]) + limit.seconds
            if known is not None and known.until > now:
                # The same stop: who else makes the change is added to it.
                stop = replace(known, actors=_distinct([*known.actors, actor]),
                               events=_distinct([*known.events, event]))
            else:
                stop = Stop(
                    thing, now, until, len(made), limit.seconds,
                    _distinct([*(each.actor for each in made), actor]),
                    _distinct([*(each.event for each in made), event]))
            stops[thing] = stopped[thing] = stop
    return Claim(
        History(history.about, tuple(kept[-_MOST_REVERTS:]), tuple([*stops.values()][-_MOST_STOPS:])),
        tuple(allowed), tuple(stopped.values()))


def release(history: History, name: str, things: Iterable[str]) -> History:
    """The history without the reverts of a claim that were not made: one for each of `things`."""
    kept = list(history.reverts)
    for thing in things:
        found = next((each for each in kept if each.claim == name and each.thing == thing), None)
        if found is not None:
            kept.remove(found)
    return replace(history, reverts=tuple(kept))


def thing_of(does: str) -> str:
    """The identity of what a step does, from its text: short, on one line, and different for different texts."""
    text = printable(does)
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST - 20]} #{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def parse(text: str) -> History:
    """A history from its text. What is not as `History.text` writes it is left out; times are checked by `claim`."""
    try:
        given = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        given = {}
    if not isinstance(given, dict):
        given = {}
    about = given.get("about")
    reverts = [
        Revert(each["at"], *(_short(each[name]) for name in ("thing", "actor", "event", "claim")))
        for each in _records(given.get("reverts"), _MOST_REVERTS)
        if _whole(each, "at") and _texts(each, "thing", "actor", "event", "claim")]
    stops = [
        Stop(_short(each["thing"]), each["at"], each["until"], each["reverts"], each["seconds"],
             _distinct(each["actors"]), _distinct(each["events"]))
        for each in _records(given.get("stops"), _MOST_STOPS)
        if _whole(each, "at", "until", "reverts", "seconds") and _texts(each, "thing")
        and _list_of_texts(each.get("actors")) and _list_of_texts(each.get("events"))
        # A stop lasts no longer than its window.
        and each["until"] <= each["at"] + each["seconds"] and each["seconds"] <= KEPT_SECONDS]
    return History(
        {_short(key): _short(value) for key, value in list(about.items())[:10]
         if isinstance(key, str) and isinstance(value, str)} if isinstance(about, dict) else {},
        tuple(reverts), tuple(stops))


def _records(given: Any, most: int) -> list[dict[str, Any]]:
    return [each for each in given[-most:] if isinstance(each, dict)] if isinstance(given, list) else []


def _whole(record: Mapping[str, Any], *names: str) -> bool:
    return all(type(record.get(name)) is int and 0 <= record[name] < 10**11 for name in names)


def _texts(record: Mapping[str, Any], *names: str) -> bool:
    return all(isinstance(record.get(name), str) for name in names)


def _list_of_texts(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(each, str) for each in given)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_short(each) for each in texts if each))[:20]


def _short(text: str) -> str:
    return printable(text)[:_LONGEST]


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} minutes" if seconds % 60 == 0 and seconds >= 120 else f"{seconds} seconds"


def _clock(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
