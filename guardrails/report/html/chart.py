"""Lines over the runs of a history, as the coordinates of an SVG; a run is a step on the line, whenever it was."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 380, 118
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 46, 8, 16
MOST = 40
"""Runs that are drawn; more would be a smear."""


@dataclass(frozen=True)
class ChartValue:
    """One run."""

    at: str
    """When it was, as it is to be shown."""
    value: float
    shown: str
    whole: bool
    """Whether everything was seen; a run that was not is drawn hollow."""


@dataclass(frozen=True)
class ChartPoint:
    """A value in its place."""

    x: float
    y: float
    value: ChartValue


@dataclass(frozen=True)
class Chart:
    """One line."""

    points: tuple[ChartPoint, ...]
    ticks: tuple[tuple[float, str], ...]
    """Height and label of each line of the grid."""
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    width: float = WIDTH
    height: float = HEIGHT

    @property
    def path(self) -> str:
        """The line, as SVG's `points`."""
        return " ".join(f"{point.x:g},{point.y:g}" for point in self.points)


def chart(values: Sequence[ChartValue], top: float) -> Chart:
    """A line from 0 to `top` through the last values; fewer than two make no line, and no chart should be shown."""
    drawn = values[-MOST:]
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(drawn) - 1)

    def height(value: float) -> float:
        return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value / top), 1)

    return Chart(
        tuple(ChartPoint(round(_LEFT + step * n, 1), height(value.value), value) for n, value in enumerate(drawn)),
        tuple((height(tick), f"{tick:,.0f}") for tick in (0, top / 2, top)))


def round_up(value: float) -> float:
    """The next number of the kind 10, 20, 50, 100: a scale's end that halves well."""
    power = 10.0
    while True:
        for step in (1, 2, 5):
            if value <= step * power:
                return step * power
        power *= 10
