"""How bad it is, in numbers: the risk of what is open, and the score of what was asked.

A count of findings says neither what to do first nor whether things get better. Here every check is worth points, by
severity and by who can reach what it looks at. A check that was not seen holds none: unseen is not clean. Fixing
something and seeing more can only raise the score. docs/scoring.md says it with an example.
"""
from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

SEVERITY_WEIGHTS: Mapping[str, float] = {"critical": 64, "high": 16, "medium": 4, "low": 1, "info": 0.25}
"""Each is worth four of the next."""
EXPOSURE_FACTORS: Mapping[str, float] = {"internet": 2, "cross-account": 1.5, "internal": 1}
"""Less than the four between two severities, so that exposure never outweighs a severity."""
DEFAULT_EXPOSURE = "internal"

# All weights are whole multiples of it, so that points can be added as integers.
_UNIT = 1 / 8
# Shares are counted in so many parts. Floats would not do: their sums depend on how the checks were put together, and
# a fix among millions of checks would be lost in rounding.
_PARTS = 1 << 128


def risk(severity: str, exposure: str = DEFAULT_EXPOSURE) -> float:
    """What one finding weighs: 0.25 to 128. What cannot be placed weighs as the worst does."""
    return (
        SEVERITY_WEIGHTS.get(severity, max(SEVERITY_WEIGHTS.values()))
        * EXPOSURE_FACTORS.get(exposure, max(EXPOSURE_FACTORS.values()))
    )


@dataclass(frozen=True)
class ScoreInput:
    """Checks that are alike: each is one policy in one account and region that had an answer to give."""

    severity: str
    exposure: str
    seen: bool
    """Whether the answer is known in full."""
    open: int
    """Open findings of each of these checks."""
    number: int = 1
    """How many such checks there are."""
    excepted: int = 0
    """Findings of each that an exception lets off."""


@dataclass(frozen=True)
class Score:
    """The points held of those that could be held."""

    value: float
    """0 to 100. It is 100 only when everything was seen and nothing is open; 0 when nothing was asked."""
    seen: float
    """The share of the checks that was seen, 0 to 1."""
    asked: int
    """Checks."""
    open: int
    """Open findings, also those of checks that were not seen in full."""
    excepted: int
    """Findings that an exception lets off; they cost nothing."""
    without_exceptions: float
    """The value as it would be if the excepted findings were open."""

    @property
    def shown(self) -> int:
        """The value rounded down: 99.9 is not 100."""
        return int(self.value)


def score(checks: Iterable[ScoreInput]) -> Score:
    """The score of checks; skipped ones are not to be among them.

    A check holds nothing when it was not seen, else its risk divided by 1 + 3 n, where n is its open findings: all of
    it at none, a quarter at one, and a little less with each further one, so that every fix shows.
    """
    # By the number that divides, in units: the sum is then the same however the rows were put together.
    held: dict[int, int] = defaultdict(int)
    held_without: dict[int, int] = defaultdict(int)
    possible = asked = seen = opened = excepted = 0
    for row in checks:
        units = round(risk(row.severity, row.exposure) / _UNIT) * row.number
        possible += units
        asked += row.number
        opened += row.open * row.number
        excepted += row.excepted * row.number
        if row.seen:
            seen += row.number
            held[1 + 3 * row.open] += units
            held_without[1 + 3 * (row.open + row.excepted)] += units
    return Score(
        value=_value(held, possible), seen=seen / asked if asked else 0.0, asked=asked, open=opened,
        excepted=excepted, without_exceptions=_value(held_without, possible))


def _value(held: Mapping[int, int], possible: int) -> float:
    if not possible:
        return 0.0
    parts = sum(units * _PARTS // divisor for divisor, units in held.items())
    value = 100 * parts / (possible * _PARTS)
    # A loss that is too small for a float is still a loss.
    return value if parts == possible * _PARTS else min(value, math.nextafter(100, 0))


class Weighed(Protocol):
    """What has to be known of a policy to say how much its findings weigh."""

    @property
    def title(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def exposure(self) -> str: ...


@dataclass(frozen=True)
class Thing:
    """One thing to do: the open findings of one policy, in whatever account; one fix, one owner, one explanation."""

    policy: str
    title: str
    severity: str
    exposure: str
    open: int
    """Resources."""
    accounts: int
    """How many accounts they are in."""
    risk: float


def risk_of(severity: str, exposure: str, number: int) -> float:
    """The risk of `number` open findings of one policy; 0 when there are none.

    Each doubling adds the weight of one. A plain sum would put seventy instances without a tag above a public
    database; so it takes 2^63 of a weight to reach one of 64 times that.
    """
    return risk(severity, exposure) * (1 + math.log2(number)) if number > 0 else 0.0


def riskiest(
    policies: Mapping[str, Weighed], open_findings: Iterable[tuple[str, int, int]], limit: int = 10
) -> list[Thing]:
    """What to do first: the policies whose open findings carry the most risk, at most `limit`.

    `open_findings`: policy, its open findings, and how many accounts they are in.
    """
    things = [
        Thing(name, policy.title, policy.severity, policy.exposure, number, accounts,
              risk_of(policy.severity, policy.exposure, number))
        for name, number, accounts in open_findings if number > 0
        for policy in (policies[name],)
    ]
    return sorted(things, key=lambda thing: (-thing.risk, -thing.open, thing.policy))[:limit]
