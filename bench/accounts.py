"""Many accounts: our audit against plain `c7n-org run` of the same policies. `./run.sh bench accounts`"""
from __future__ import annotations

import argparse
import tempfile
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path

from .harness import Benchmark, Failed, Option, Section, in_turn, say
from .harness.account import Size, seeded
from .harness.cloud import REGION, Cloud, accounts_file, cloud, distant
from .harness.programs import audit, c7n_org, sweepable

_REGIONS = (REGION, "eu-west-1", "us-west-2", "ap-southeast-2")
_NUMBERS = count()
_AGAINST = "plain `c7n-org run`"


def shape(text: str) -> tuple[int, int]:
    """Accounts and regions from `10x2`. Raises Failed when it is something else."""
    left, _, right = text.partition("x")
    try:
        found = int(left), int(right)
    except ValueError:
        raise Failed(f"--shapes: {text} must be accounts x regions, such as 10x2") from None
    if not 1 <= found[1] <= len(_REGIONS) or found[0] < 1:
        raise Failed(f"--shapes: {text} must have at least 1 account and 1 to {len(_REGIONS)} regions")
    return found


def measure(options: argparse.Namespace) -> Section:
    """Each shape near, and the first one behind the proxy."""
    shapes = [shape(text) for text in options.shapes]
    size = Size.of(options.size)
    section = Section(
        f"Each account has {size}. Both run the same policies, with as many processes as each starts by "
        "default. Memory is of all processes together.")
    per_account: list[float] = []
    with tempfile.TemporaryDirectory() as name, cloud() as where:
        directory = Path(name)
        [policies] = sweepable(
            directory / "policies", one_file=True, selected=lambda each: fnmatchcase(each, options.policies))
        most = max(accounts for accounts, _ in shapes)
        seeded(where, most, size)
        say(f"seeded {most} accounts")
        for accounts, regions in shapes:
            rounds = options.rounds if accounts < options.once_from else 1
            ours = _compare(section, where, directory, policies, (accounts, regions), rounds, options, late=False)
            per_account.append(ours / accounts / regions)
        if options.late_rounds:
            with distant(where, options.latency, options.rate) as behind:
                _compare(section, behind, directory, policies, shapes[0], options.late_rounds, options, late=True)
        else:
            section.not_measured(f"wall at {options.latency * 1000:.0f} ms a call", _AGAINST, "`--late-rounds 0`")
    if len(per_account) > 1:
        section.notes.append(
            "Processor seconds of ours for each account and region: "
            + ", ".join(f"{each:.2f} ({a} x {r})" for each, (a, r) in zip(per_account, shapes, strict=True)) + ".")
    return section


def _compare(
    section: Section, where: Cloud, directory: Path, policies: Path, shape_: tuple[int, int], rounds: int,
    options: argparse.Namespace, *, late: bool,
) -> float:
    """Run both, add the comparisons; returns our processor seconds."""
    accounts, regions = shape_
    here = directory / f"{accounts}x{regions}-{late}"
    here.mkdir()
    named = _REGIONS[:regions]
    file = accounts_file(here, accounts, named)

    def new() -> Path:
        made = here / f"run-{next(_NUMBERS)}"
        made.mkdir()
        return made / "output"

    what = f"{accounts} x {regions}"
    found = in_turn(rounds, {
        f"audit, {what}": lambda: audit(
            where, new(), "-c", file, "-p", options.policies, *(word for each in named[1:] for word in ("-r", each))),
        f"c7n-org, {what}": lambda: c7n_org(
            where, file, policies, new(), *(word for each in named for word in ("-r", each))),
    })
    ours, theirs = found.values()
    if late:
        section.compare("accounts.wall", f"{what}, wall at {options.latency * 1000:.0f} ms a call",
                        [u.wall for u in ours], [u.wall for u in theirs], against=_AGAINST, unit="s")
        return 0.0
    section.compare("accounts.processor", f"{what}, processor", [u.processor for u in ours],
                    [u.processor for u in theirs], against=_AGAINST, unit="s")
    section.compare("accounts.wall", f"{what}, wall, moto's answers at once", [u.wall for u in ours],
                    [u.wall for u in theirs], against=_AGAINST, unit="s")
    if all(u.memory for u in (*ours, *theirs)):
        section.compare("accounts.memory", f"{what}, peak memory", [u.memory for u in ours], [u.memory for u in theirs],
                        against=_AGAINST, unit="MiB")
    section.compare("", f"{what}, calls", [u.called for u in ours], [u.called for u in theirs], against=_AGAINST)
    return sum(u.processor for u in ours) / len(ours)


BENCHMARK = Benchmark("accounts", "What does the audit of many accounts take, against plain c7n-org?", measure, (
    Option("shapes", ("10x2", "50x1", "200x1"), ("1x1",), "accounts x regions"),
    Option("size", 2, 1, "users and buckets of an account, and a few of everything else"),
    Option("policies", "*", "s3-bucket-versioning", "a glob of policies"),
    Option("rounds", 2, 1, "how often each is run, in turn"),
    Option("late-rounds", 1, 0, "the first shape behind the proxy; 0 for none"),
    Option("once-from", 50, 50, "with so many accounts, once is enough"),
    Option("latency", 0.05, 0.001, "seconds that an answer takes at least behind the proxy"),
    Option("rate", 0.0, 0.0, "calls a second that a service of an account answers there; 0 for no limit"),
))

if __name__ == "__main__":
    BENCHMARK.main()
