"""The targets of the ratios: data in `bench/targets.yaml`."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).parents[1] / "targets.yaml"


@dataclass(frozen=True)
class Target:
    """What a ratio must not exceed."""

    at_most: float
    before: str
    """The ratio when the target was set, as text: `not known`, or a range."""


@cache
def targets() -> dict[str, Target]:
    """Every target, by `BENCHMARK.WHAT`. Raises ValueError when the file says something else than it should."""
    data = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    found = {}
    for benchmark, entries in data.items():
        for name, entry in entries.items():
            if set(entry) != {"at most", "before"}:
                raise ValueError(f"{FILE}: {benchmark}.{name} must have the keys `at most` and `before`")
            found[f"{benchmark}.{name}"] = Target(_number(entry["at most"]), str(entry["before"]))
    return found


def _number(value: float | str) -> float:
    """A number, or a fraction as it is written: 1/5."""
    upper, _, lower = str(value).partition("/")
    return float(upper) / float(lower or 1)
