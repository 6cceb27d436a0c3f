"""Line charts over the runs of a history, as coordinates for SVG. Runs have equal distances, whenever they were."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 380, 118
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 46, 8, 16
MOST = 40
"""The maximum number of runs in a chart; more would be unreadable."""


@dataclass(frozen=True)
class ChartValue:
    """One run."""

    at: str
    """When the run started, as text."""
    value: float
    shown: str
    whole: bool
    """Whether the run is complete; an incomplete one is drawn as a hollow point."""


@dataclass(frozen=True)
class ChartPoint:
    """A value and its coordinates."""

    x: float
    y: float
    value: ChartValue


@dataclass(frozen=True)
class Chart:
    """One line chart."""

    points: tuple[ChartPoint, ...]
    ticks: tuple[tuple[float, str], ...]
    """Height and label of each grid line."""
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    width: float = WIDTH
    height: float = HEIGHT

    @property
    def path(self) -> str:
        """The line, as SVG's `points`."""
        return " ".join(f"{point.x:g},{point.y:g}" for point in self.points)


def chart(values: Sequence[ChartValue], top: float) -> Chart:
    """A chart of the last `MOST` values on a scale from 0 to `top`; give it at least two."""
    drawn = values[-MOST:]
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(drawn) - 1)

    def height(value: float) -> float:
        return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value / top), 1)

    return Chart(
        tuple(ChartPoint(round(_LEFT + step * n, 1), height(value.value), value) for n, value in enumerate(drawn)),
        tuple((height(tick), f"{tick:,.0f}") for tick in (0, top / 2, top)))


def round_up(value: float) -> float:
    """The next of 10, 20, 50, 100, ...: a scale's end that is easy to halve."""
    power = 10.0
    while True:
        for step in (1, 2, 5):
            if value <= step * power:
                return step * power
        power *= 10
