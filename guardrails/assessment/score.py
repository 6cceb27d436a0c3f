"""The risk of open findings, and the score of a run.

A number of findings does not show what to fix first, nor whether security improves. So every check is worth points, by
its severity and by who can reach the resources that it checks. A check that did not complete gets no points: unknown
is not compliant. Fixing a finding, or completing more checks, can only raise the score. docs/scoring.md has an example.
"""
from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from custom_actions.vocabulary import UNRATED

SEVERITY_WEIGHTS: Mapping[str, float] = {"critical": 64, "high": 16, "medium": 4, "low": 1, "info": 0.25, UNRATED: 4}
"""Each weight is four times the next. A policy without a severity counts as medium."""
EXPOSURE_FACTORS: Mapping[str, float] = {"internet": 2, "cross-account": 1.5, "internal": 1}
"""All are below four, the factor between two severities, so that exposure never outweighs a severity."""
DEFAULT_EXPOSURE = "internal"

# All weights are multiples of it, so that points can be added as integers.
_UNIT = 1 / 8
# Points are counted in this many parts. With floats the sum would depend on how the checks are grouped, and a fix among
# millions of checks would be lost in rounding.
_PARTS = 1 << 128


def risk(severity: str, exposure: str = DEFAULT_EXPOSURE) -> float:
    """The weight of one finding, 0.25 to 128. An unknown severity or exposure counts as the worst one."""
    return (
        SEVERITY_WEIGHTS.get(severity, max(SEVERITY_WEIGHTS.values()))
        * EXPOSURE_FACTORS.get(exposure, max(EXPOSURE_FACTORS.values()))
    )


@dataclass(frozen=True)
class ScoreInput:
    """Checks with the same values; each is one policy in one account and region, and was not skipped."""

    severity: str
    exposure: str
    seen: bool
    """Whether the checks completed."""
    open: int
    """Open findings of each check."""
    number: int = 1
    """How many checks there are."""
    excepted: int = 0
    """Findings of each check that an exception covers."""
    judged: bool = True
    """False for completed checks without a resource in scope: they are worth no points."""


@dataclass(frozen=True)
class Score:
    """The points of some checks, as a share of the possible points."""

    value: float
    """0 to 100. It is 100 only when every check completed and no finding is open; 0 when `judged` is 0."""
    seen: float
    """The share of checks that completed, 0 to 1."""
    asked: int
    """The number of checks."""
    judged: int
    """Those that are worth points: all without the completed ones that had no resource in scope. Without any, there is
    no score to show."""
    open: int
    """Open findings, including those of checks that did not complete."""
    excepted: int
    """Findings that an exception covers; they do not lower the value."""
    without_exceptions: float
    """The value if the excepted findings were open."""

    @property
    def shown(self) -> int:
        """The value rounded down: 99.9 is not 100."""
        return int(self.value)


def score(checks: Iterable[ScoreInput]) -> Score:
    """The score of the checks; leave out the skipped ones.

    A check that completed without a resource in scope is left out: it has neither passed nor failed. A check that did
    not complete gets no points. Any other gets its risk divided by 1 + 3 n, where n is the number of its open findings:
    all points for none, a quarter for one, and less for each further one, so that every fix counts.
    """
    # Points by divisor: the sum is then the same however the checks are grouped.
    held: dict[int, int] = defaultdict(int)
    held_without: dict[int, int] = defaultdict(int)
    possible = asked = seen = judged = opened = excepted = 0
    for row in checks:
        units = round(risk(row.severity, row.exposure) / _UNIT) * row.number
        asked += row.number
        opened += row.open * row.number
        excepted += row.excepted * row.number
        seen += row.number if row.seen else 0
        if row.seen and not row.judged:
            continue
        judged += row.number
        possible += units
        if row.seen:
            held[1 + 3 * row.open] += units
            held_without[1 + 3 * (row.open + row.excepted)] += units
    return Score(
        value=_value(held, possible), seen=seen / asked if asked else 0.0, asked=asked, judged=judged, open=opened,
        excepted=excepted, without_exceptions=_value(held_without, possible))


def _value(held: Mapping[int, int], possible: int) -> float:
    if not possible:
        return 0.0
    parts = sum(units * _PARTS // divisor for divisor, units in held.items())
    value = 100 * parts / (possible * _PARTS)
    # A loss that is too small for a float must still show.
    return value if parts == possible * _PARTS else min(value, math.nextafter(100, 0))


class WeightedPolicy(Protocol):
    """A policy with what determines the weight of its findings."""

    @property
    def title(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def exposure(self) -> str: ...


@dataclass(frozen=True)
class Priority:
    """The open findings of one policy in all accounts, to be fixed in one go."""

    policy: str
    """The policy's name."""
    title: str
    severity: str
    """The policy's general severity; `risk` counts the severity in each account."""
    exposure: str
    open: int
    """Open findings."""
    accounts: int
    """The number of accounts that have them."""
    risk: float
    """See `risk_of`."""


class OpenFindings(NamedTuple):
    """How many open findings one policy has."""

    policy: str
    numbers: Mapping[str, int]
    """Severity to number of findings: it can differ from account to account."""
    accounts: int
    """The number of accounts that have them."""


def risk_of(numbers: Mapping[str, int], exposure: str) -> float:
    """The risk of the open findings of one policy; 0 when there are none.

    Each doubling of the number adds the weight of one finding. A plain sum would rank seventy instances without a tag
    above a public database; this way it takes 2^63 findings to outweigh one of 64 times their weight. Findings of
    several severities are counted with the most severe first, so that a lower severity never raises the risk.

    Args:
        numbers: severity to number of findings.
    """
    found, before = 0.0, 0
    for weight, number in sorted(((risk(severity, exposure), n) for severity, n in numbers.items() if n), reverse=True):
        found += weight * (math.log2(before + number) - math.log2(before) if before else 1 + math.log2(number))
        before += number
    return found


def riskiest(
    policies: Mapping[str, WeightedPolicy], open_findings: Iterable[OpenFindings], limit: int = 10
) -> list[Priority]:
    """What to fix first: the `limit` policies whose open findings carry the most risk."""
    priorities = [
        Priority(
            policy=each.policy, title=policy.title, severity=policy.severity, exposure=policy.exposure,
            open=sum(each.numbers.values()), accounts=each.accounts, risk=risk_of(each.numbers, policy.exposure))
        for each in open_findings if any(each.numbers.values())
        for policy in (policies[each.policy],)
    ]
    return sorted(priorities, key=lambda one: (-one.risk, -one.open, one.policy))[:limit]
