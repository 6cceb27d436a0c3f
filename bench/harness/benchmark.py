"""A benchmark: its name, its options with their smallest values, and its start."""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import Failed
from .results import RESULTS, Section, write_section


@dataclass(frozen=True)
class Option:
    """An option of a benchmark."""

    name: str
    """With dashes, without the two in front: `rounds`."""
    default: Any
    """An int, float, str or bool, or a tuple of int or str: that many arguments follow the option."""
    smallest: Any
    """The value with which the benchmark still does everything once."""
    help: str

    def add(self, parser: argparse.ArgumentParser, *, smallest: bool) -> None:
        """Add it to a parser."""
        value = self.smallest if smallest else self.default
        if isinstance(self.default, bool):
            parser.add_argument(f"--{self.name}", action=argparse.BooleanOptionalAction, default=value, help=self.help)
        elif isinstance(self.default, tuple):
            parser.add_argument(f"--{self.name}", nargs="+", type=type(self.default[0]), default=value,
                                help=f"{self.help} [{' '.join(map(str, self.default))}]")
        else:
            parser.add_argument(f"--{self.name}", type=type(self.default), default=value,
                                help=f"{self.help} [{self.default}]")


@dataclass(frozen=True)
class Benchmark:
    """A question, and how it is answered."""

    name: str
    """Also the heading of its section."""
    question: str
    """One line, for the list."""
    measure: Callable[[argparse.Namespace], Section]
    options: tuple[Option, ...] = ()

    def parser(self, *, smallest: bool = False) -> argparse.ArgumentParser:
        """Its options, with their defaults or their smallest values."""
        parser = argparse.ArgumentParser(
            prog=f"./run.sh bench {self.name}", description=self.question)
        for option in self.options:
            option.add(parser, smallest=smallest)
        parser.add_argument("--smallest", action="store_true", help="do everything once, at the smallest size")
        parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE",
                            help="where the section is written [bench/results.md]")
        return parser

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Measure, print the section, and write it; exits with 1 and the reason when it cannot be measured."""
        from ..run import ORDER

        given = sys.argv[1:] if arguments is None else list(arguments)
        options = self.parser(smallest="--smallest" in given).parse_args(given)
        began = time.perf_counter()
        try:
            section = self.measure(options)
        except Failed as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        shown = " ".join(
            f"--{option.name} {_shown(getattr(options, option.name.replace('-', '_')))}" for option in self.options)
        section.notes.append(f"The benchmark took {time.perf_counter() - began:.0f} s.")
        write_section(options.results, self.name, section, order=ORDER, options=shown)
        print(f"## {self.name}\n\n{section.markdown()}")


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
