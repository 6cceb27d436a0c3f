"""The results of a benchmark, and its section of results.md."""
from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .machine import commit, machine, versions
from .series import Series, number, ratios
from .targets import Target, targets

RESULTS = Path(__file__).parents[1] / "results.md"
_SECTION = re.compile(
    r"<!-- section (?P<name>[\w-]+) (?P<rows>\[.*?\]) -->\n(?P<text>.*?)<!-- end (?P=name) -->\n", re.DOTALL)
_HEAD = """\
# Results of the benchmarks

`./run.sh bench` writes this file; `./run.sh bench NAME` writes one section again. Every figure is from a local AWS
(moto), and a ratio of two things that ran in turn, in one go: ours to the other, so smaller is better, and 0.5 is half.
A ratio is the median of the rounds, with the smallest and the largest in brackets. [targets.yaml](targets.yaml) has the
targets. [docs/performance.md](../docs/performance.md) says what each benchmark does.

"""


@dataclass(frozen=True)
class Comparison:
    """One thing that was measured of ours and of theirs."""

    what: str
    """`processor`, `calls`, …"""
    against: str
    """What ours is compared with."""
    ours: Series
    theirs: Series
    ratio: Series
    unit: str = ""
    target: Target | None = None

    @property
    def verdict(self) -> str:
        """Whether the target is met, or by how much it is not."""
        if self.target is None:
            return ""
        if self.ratio.median <= self.target.at_most:
            return "met"
        return f"**not met**: {number(self.ratio.median / self.target.at_most)} times the target"

    def row(self) -> list[str]:
        """The cells of the table of comparisons."""
        aim = f"{number(self.target.at_most)} (was {self.target.before})" if self.target else ""
        return [self.what, self.against, self.ours.text(self.unit), self.theirs.text(self.unit), self.ratio.text(),
                aim, self.verdict]


@dataclass(frozen=True)
class Table:
    """A table beside the comparisons."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    title: str = ""


@dataclass
class Section:
    """What a benchmark has found."""

    text: str
    """What was measured, on what."""
    comparisons: list[Comparison] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a reader must know: what was left out on both sides and why."""
    missing: list[tuple[str, str, str]] = field(default_factory=list)
    """What was not measured, against what, and why."""

    def not_measured(self, what: str, against: str, why: str) -> None:
        """Say, in the section and in the summary, that something was not measured: it must not look as if it held."""
        self.missing.append((what, against, why))

    def compare(
        self, target: str, what: str, ours: Iterable[float], theirs: Iterable[float], *, against: str, unit: str = "",
    ) -> Comparison:
        """Add a comparison.

        Args:
            target: the key of the ratio's target in targets.yaml; empty for a ratio without one.
            what: what was measured.
            ours, theirs: a number for each round, in the order of the rounds.
            against: what ours is compared with.
            unit: of the numbers.

        Raises KeyError when there is no such target, ValueError when a side has no number.
        """
        mine, other = Series.of(ours), Series.of(theirs)
        found = Comparison(
            what, against, mine, other, ratios(mine.values, other.values), unit,
            targets()[target] if target else None)
        self.comparisons.append(found)
        return found

    def markdown(self) -> str:
        """The section without its heading."""
        parts = [self.text.strip()]
        if self.comparisons:
            columns = ("what", "against", "ours", "theirs", "ratio", "target", "")
            parts.append(_table(columns, [each.row() for each in self.comparisons]))
        for table in self.tables:
            parts += [f"**{table.title}**"] * bool(table.title) + [_table(table.columns, table.rows)]
        parts += [f"**Not measured**: {what}, against {against}: {why}." for what, against, why in self.missing]
        if self.notes:
            parts.append("\n".join(f"- {note}" for note in self.notes))
        return "\n\n".join(parts) + "\n"

    def judged(self) -> list[list[str]]:
        """The rows of the summary: the comparisons that have a target, and what was not measured."""
        return [
            *([each.what, each.against, each.ratio.text(), number(each.target.at_most), each.verdict]
              for each in self.comparisons if each.target),
            *([what, against, "", "", f"not measured: {why}"] for what, against, why in self.missing),
        ]


def write_section(path: Path, name: str, section: Section, *, order: Sequence[str] = (), options: str = "") -> None:
    """Write a benchmark's section of results.md, and the summary of all; the other sections stay as they are."""
    measured = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit()}; {machine()}; {versions()}"
    text = (f"## {name}\n\n{section.markdown()}\n"
            f"<sub>Measured {measured}.{f' Options: {options}.' if options else ''}</sub>\n\n")
    _replace(path, name, section.judged(), text, order)


def write_failure(path: Path, name: str, why: str, *, order: Sequence[str] = ()) -> None:
    """Write that a benchmark failed, in place of its section: an old figure must not look like one of this run."""
    shown = why.strip() or "it said nothing"
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit()}"
    text = f"## {name}\n\n**failed** ({when}):\n\n```\n{shown}\n```\n\n"
    _replace(path, name, [["everything", "", "", "", f"**failed**: {shown.splitlines()[-1][:160]}"]], text, order)


def _replace(path: Path, name: str, rows: list[list[str]], text: str, order: Sequence[str]) -> None:
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = {found["name"]: (json.loads(found["rows"]), found["text"]) for found in _SECTION.finditer(old)}
    sections[name] = (rows, text)
    names = sorted(sections, key=lambda each: (order.index(each) if each in order else len(order), each))
    summary = [[f"[{each}](#{each})", *row] for each in names for row in sections[each][0]]
    whole = _HEAD
    if summary:
        whole += _table(("benchmark", "what", "against", "ratio", "target", ""), summary) + "\n\n"
    for each in names:
        whole += f"<!-- section {each} {json.dumps(sections[each][0])} -->\n{sections[each][1]}<!-- end {each} -->\n"
    _write(path, whole)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(name, 0o644)
    os.replace(name, path)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [list(columns), ["---"] * len(columns), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
