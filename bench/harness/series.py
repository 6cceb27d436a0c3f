"""Numbers that were measured several times: their median and spread, and the ratio of two of them."""
from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """What one thing took, a number for each round, in the order of the rounds."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Series:
        """A series of these numbers; raises ValueError when there is none."""
        found = tuple(values)
        if not found:
            raise ValueError("nothing was measured")
        return cls(found)

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.values)

    def text(self, unit: str = "") -> str:
        """The median, and the smallest and the largest value in brackets if there are several."""
        text = number(self.median) + (f" {unit}" if unit else "")
        if len(self.values) > 1:
            text += f" ({number(min(self.values))} to {number(max(self.values))})"
        return text


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Series:
    """Ours to theirs, round by round: what disturbs a round disturbs both sides of it.

    If one side has fewer rounds (it is too slow to be repeated), its median stands for the rounds that it lacks.
    Raises ValueError when a side has no value, or theirs has a zero.
    """
    mine, other = Series.of(ours), Series.of(theirs)
    if len(mine.values) == len(other.values):
        return Series.of(a / b for a, b in zip(mine.values, other.values, strict=True) if b) if all(
            other.values) else _by_zero()
    if not all(other.values):
        _by_zero()
    if len(mine.values) > len(other.values):
        return Series.of(a / other.median for a in mine.values)
    return Series.of(mine.median / b for b in other.values)


def _by_zero() -> Series:
    raise ValueError("there is no ratio to zero")


def number(value: float) -> str:
    """A number with three significant digits, and thousands apart."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
