"""How an audit grows with what is in an account. `./run.sh bench growth`

One kind of resource at a time, in an account that has nothing else: security groups with ten rules each, buckets, IAM
users. The audit runs the policies on that resource type; at the largest size but one so does one `custodian run`.
"""
from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from .harness import Benchmark, Failed, Option, Section, Table, Usage, in_turn, say
from .harness.account import buckets, principals
from .harness.cloud import Cloud, cloud
from .harness.programs import audit, custodian, sweepable, sweepable_names

_RULES = 10
_NUMBERS = count()


@dataclass(frozen=True)
class Kind:
    """A kind of resource that there may be many of."""

    name: str
    resource: str
    """The resource type of its policies."""
    make: Callable[[Cloud, int], None]


KINDS = (
    Kind("groups", "aws.security-group", lambda where, number: where.make_groups(number, _RULES)),
    Kind("buckets", "aws.s3", lambda where, number: buckets(where.session(), number)),
    Kind("users", "aws.iam-user", lambda where, number: principals(where.session(), number)),
)


def measure(options: argparse.Namespace) -> Section:
    """Each kind with each of its numbers."""
    section = Section(
        f"The audit of the policies on one resource type, in an account with so many of it. Security groups have "
        f"{_RULES} rules each. The order is that of the growth of the processor time since the last size: 1 is linear.")
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as name:
        for kind in KINDS:
            before: tuple[int, Usage] | None = None
            sizes = sorted(getattr(options, kind.name))
            compared = sizes[-2:][0] if sizes else 0
            for size in sizes:
                with cloud() as where:
                    kind.make(where, size)
                    say(f"seeded {size:,} {kind.name}")
                    used = _run(section, kind, size, where, Path(name), options.rounds, compare=size == compared)
                rows.append([f"{size:,} {kind.name}", f"{used.processor:.1f}", _order(before, size, used),
                             f"{used.wall:.1f}", f"{used.memory:.0f}" if used.memory else "-", f"{used.called:,}"])
                before = (size, used)
    columns = ("size", "processor, s", "order", "wall, s", "memory, MiB", "calls")
    section.tables.append(Table(columns, rows, "The audit"))
    return section


def _run(
    section: Section, kind: Kind, size: int, where: Cloud, directory: Path, rounds: int, *, compare: bool,
) -> Usage:
    names = sweepable_names(kind.resource)
    files = sweepable(directory / kind.name, selected=lambda each: each in names)

    def new() -> Path:
        made = directory / f"run-{next(_NUMBERS)}"
        made.mkdir()
        return made / "output"

    ways = {f"audit of {size:,} {kind.name}": lambda: audit(
        where, new(), "--format", "json", *(word for each in names for word in ("-p", each)))}
    if compare:
        ways["custodian"] = lambda: custodian(where, files, new(), "--cache", "memory")
    ours, *theirs = in_turn(rounds if compare else 1, ways).values()
    if theirs:
        against = "one `custodian run`, memory cache"
        what = f"{size:,} {kind.name}"
        section.compare("", f"{what}, processor", [u.processor for u in ours], [u.processor for u in theirs[0]],
                        against=against, unit="s")
        section.compare("", f"{what}, calls", [u.called for u in ours], [u.called for u in theirs[0]], against=against)
        if all(u.memory for u in (*ours, *theirs[0])):
            section.compare("", f"{what}, memory", [u.memory for u in ours], [u.memory for u in theirs[0]],
                            against=against, unit="MiB")
    if not ours[-1].called:
        raise Failed(f"the audit of {kind.name} made no call")
    return ours[-1]


def _order(before: tuple[int, Usage] | None, size: int, used: Usage) -> str:
    if before is None or size == before[0]:
        return "-"
    return f"{math.log(used.processor / before[1].processor) / math.log(size / before[0]):.2f}"


BENCHMARK = Benchmark("growth", "How does an audit grow with an account?", measure, (
    Option("groups", (100, 1000, 10000), (2,), "numbers of security groups"),
    Option("buckets", (100, 1000), (), "numbers of buckets"),
    Option("users", (100, 1000), (), "numbers of users"),
    Option("rounds", 1, 1, "how often the audit is run in turn with custodian"),
))

if __name__ == "__main__":
    BENCHMARK.main()
