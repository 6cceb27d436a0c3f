"""Holds a fix to its limit of reverts (quarrel.py), across all instances of its function.

`carry_out` asks before it makes steps, and says afterwards which of them it made. Steps are claimed before they are
made, so parallel instances of a function cannot make more reverts together than the limit allows. A claim of a step
that was not made is released. Outside Lambda there is no limit: nobody runs a fix again and again there.
"""
from __future__ import annotations

import hashlib
import json
import logging
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from ..aws import Ahead, SharedState, SharedValue
from ..errors import CannotRead
from .quarrel import KEPT_SECONDS, Claim, History, QuarrelLimit, Stop, claim, parse, release, thing_of

if TYPE_CHECKING:
    from .engine import Step

log = logging.getLogger("custodian.guardrails.quarrel")

QUARRELS = "quarrel/"
"""The start of the keys of the histories in the shared state."""
_ATTEMPTS = 40
_LONGEST_PAUSE = 0.1
"""Seconds between two attempts to write a history that other instances write, too."""


class Gate(Protocol):
    """Which steps `carry_out` may make."""

    @property
    def closed_to(self) -> str:
        """Why some steps are not made; empty when all are."""

    def admit(self, steps: Sequence[Step]) -> list[Step]:
        """Those of the steps that may be made now. Raises CannotRead if that cannot be decided."""

    def left(self, remaining: Sequence[Step | str]) -> list[Step | str]:
        """What is left to do, without what may not be done."""

    def settle(self, made: Sequence[Step]) -> None:
        """Take note of the steps that were made, of all that were admitted."""


class OpenGate:
    """Admits every step."""

    closed_to = ""

    def admit(self, steps: Sequence[Step]) -> list[Step]:
        return list(steps)

    def left(self, remaining: Sequence[Step | str]) -> list[Step | str]:
        return list(remaining)

    def settle(self, made: Sequence[Step]) -> None:
        """Nothing was claimed."""


@dataclass
class QuarrelGate:
    """The gate of one resource.

    Attributes:
        about: account, region, policy, action and resource, which identify the history.
        ours: the role of the fix.
        actor: the principal whose change is reverted.
        event: the name of its API call.
        stops: what it refused to admit.
    """

    state: SharedState
    limit: QuarrelLimit
    about: Mapping[str, str]
    ours: str
    actor: str
    event: str
    stops: dict[str, Stop] = field(default_factory=dict)
    _claimed: Counter[str] = field(default_factory=Counter)
    _name: str = field(default_factory=lambda: uuid.uuid4().hex[:16])
    _ahead: Ahead[SharedValue] | None = None

    @contextmanager
    def reading(self) -> Iterator[QuarrelGate]:
        """Read the history while the fix reads the resource. A write fails if it has changed by then."""
        key = self.key
        self._ahead = ahead = Ahead(lambda: self.state.read(key))
        try:
            yield self
        finally:
            ahead.settle()

    @property
    def key(self) -> str:
        """The key of the history."""
        return QUARRELS + hashlib.sha256(json.dumps(self.about, sort_keys=True).encode()).hexdigest()

    @property
    def closed_to(self) -> str:
        return "; ".join(stop.text(self.ours) for stop in self.stops.values())

    def admit(self, steps: Sequence[Step]) -> list[Step]:
        units = list(_units(steps))
        found = self._claim([[thing_of(step.does) for step in unit.leaves] for unit in units])
        self.stops.update({stop.thing: stop for stop in found.stopped})
        admitted = [unit for unit, allowed in zip(units, found.allowed, strict=True) if allowed]
        for unit in admitted:
            self._claimed.update(dict.fromkeys((thing_of(step.does) for step in unit.leaves), 1))
        leaves = {id(leaf) for unit in admitted for leaf in unit.leaves}
        return list(_only(steps, lambda leaf: id(leaf) in leaves))

    def left(self, remaining: Sequence[Step | str]) -> list[Step | str]:
        if not self.stops:
            return list(remaining)
        steps = [each for each in remaining if not isinstance(each, str)]
        leaves = {
            id(leaf) for unit in _units(steps) for leaf in unit.leaves
            if not any(thing_of(step.does) in self.stops for step in unit.leaves)}
        return [*_only(steps, lambda leaf: id(leaf) in leaves), *(each for each in remaining if isinstance(each, str))]

    def settle(self, made: Sequence[Step]) -> None:
        self._claimed -= Counter(thing_of(leaf.does) for step in made for leaf in step.leaves)
        not_made = list(self._claimed.elements())
        self._claimed.clear()
        if not_made:
            self._change(lambda history: release(history, self._name, not_made))

    def _claim(self, groups: Sequence[Sequence[str]]) -> Claim:
        found: list[Claim] = []

        def change(history: History) -> History:
            # The clock is read at each attempt, because other instances may have written since.
            found.append(claim(
                history, groups, self.limit, now=int(time.time()), actor=self.actor, event=self.event,
                name=self._name))
            return found[-1].history

        if not self._change(change):
            raise CannotRead(
                "too many instances of the function fix this resource at the same time: how often it was fixed is "
                "unknown")
        return found[-1]

    def _change(self, change: Callable[[History], History]) -> bool:
        """Replace the history; returns whether that succeeded before the attempts were used up."""
        for _ in range(_ATTEMPTS):
            known = self._read()
            before = parse(known.text)
            after = replace(change(before), about={**self.about, "role": self.ours})
            if after == before or self.state.write(
                    self.key, after.text(), version=known.version,
                    keep=timedelta(seconds=KEPT_SECONDS + self.limit.seconds)):
                return True
            time.sleep(random.uniform(0, _LONGEST_PAUSE))  # noqa: S311 - not a secret
        return False

    def _read(self) -> SharedValue:
        ahead, self._ahead = self._ahead, None
        return ahead.answer() if ahead else self.state.read(self.key)


@dataclass(frozen=True)
class _Unit:
    """Steps of which all are made, or none."""

    leaves: tuple[Step, ...]


def _units(steps: Sequence[Step]) -> Iterator[_Unit]:
    """The steps of a chain together, and every other smallest step alone."""
    chains: dict[str, list[Step]] = {}
    for step in steps:
        if step.chain:
            chains.setdefault(step.chain, []).extend(step.leaves)
        else:
            yield from (_Unit((leaf,)) for leaf in step.leaves)
    yield from (_Unit(tuple(leaves)) for leaves in chains.values())


def _only(steps: Sequence[Step], wanted: Callable[[Step], bool]) -> Iterator[Step]:
    """The steps of which all smallest steps are wanted, and the wanted smallest steps of the others."""
    for step in steps:
        leaves = [leaf for leaf in step.leaves if wanted(leaf)]
        if len(leaves) == len(step.leaves):
            yield step
        else:
            yield from leaves


_current: ContextVar[Gate | None] = ContextVar("gate", default=None)


@contextmanager
def held_by(gate: Gate) -> Iterator[None]:
    """Inside this context, `carry_out` asks `gate`."""
    token = _current.set(gate)
    try:
        yield
    finally:
        _current.reset(token)


def gate() -> Gate:
    """The gate of the running fix."""
    return _current.get() or OpenGate()


def limit_of(given: Any) -> QuarrelLimit:
    """The limit of an action's option `quarrel`. Raises ValueError for other values than whole numbers in range."""
    options = given or {}
    default = QuarrelLimit()
    reverts = int(options.get("reverts", default.reverts))
    minutes = int(options.get("minutes", default.seconds // 60))
    if not (0 <= reverts <= 100 and 1 <= minutes <= 24 * 60):
        raise ValueError("quarrel: reverts must be from 0 to 100, and minutes from 1 to 1440")
    return QuarrelLimit(reverts, minutes * 60)
