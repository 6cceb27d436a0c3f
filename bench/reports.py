"""How long all report formats of a run take: written together, against each format in a process of its own.

    ./run.sh python bench/reports.py
    ./run.sh python bench/reports.py --findings 1000 --rounds 3
    ./run.sh python bench/reports.py --against ../older-checkout

Both ways write the same run in turn, from its file, as `guardrails report --format ...` does. Prints for each size the
median wall and processor time, and the ratio of each to the formats one by one.
With `--against`, another checkout of this project writes all formats of the same run too, in the same turn.
"""
from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from guardrails.report import FORMATS  # noqa: E402
from tests.guardrails.report.html import runs  # noqa: E402

WRITE = """
import sys
from pathlib import Path
from guardrails.assessment import assess_again
from guardrails.report import write
from guardrails.results import RunStore
with RunStore.open(Path(sys.argv[1])) as store:
    write(sys.argv[3:], assess_again(store), Path(sys.argv[2]))
"""


class Cost(NamedTuple):
    """What it took: seconds, and seconds of processor time of all processes."""

    wall: float
    processor: float


def main() -> None:
    """Measure side by side and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--findings", type=int, nargs="*", default=[1_000, 10_000, 50_000], help="how many, each")
    parser.add_argument("--accounts", type=int, default=40, help="of how many accounts [40]")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is measured, in turn [3]")
    parser.add_argument("--against", type=lambda text: Path(text).absolute(), help="another checkout of this project")
    options = parser.parse_args()
    for number in options.findings:
        with tempfile.TemporaryDirectory() as directory:
            measure(Path(directory), number, options)


def measure(directory: Path, number: int, options: argparse.Namespace) -> None:
    """One size."""
    saved(directory / "run", number, options.accounts)
    ways = {"one by one": (ROOT, [[name] for name in FORMATS]), "together": (ROOT, [list(FORMATS)])}
    if options.against:
        ways["the other checkout"] = (options.against, [list(FORMATS)])
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, (root, groups) in ways.items():
            costs[name].append(total(root, directory / "run", directory / name.replace(" ", "-"), groups))
    base = median(costs["one by one"])
    print(f"{number:,} findings, {len(FORMATS)} formats, {len(os.sched_getaffinity(0))} cores")
    for name, measured in costs.items():
        cost = median(measured)
        spread = max(one.wall for one in measured) / min(one.wall for one in measured)
        print(f"  {name:18} wall {cost.wall:6.2f} s  x {cost.wall / base.wall:4.2f} (spread {spread:4.2f})   processor "
              f"{cost.processor:6.2f} s  x {cost.processor / base.processor:4.2f}")


def saved(directory: Path, number: int, accounts: int) -> None:
    """A run with so many findings in so many accounts, whose file has all that a report needs."""
    made = runs.large(directory, number, accounts)
    with made.store as store:
        store.set_all({name: getattr(made, name) for name in ("verb", "run", "version", "started", "finished")})


def total(root: Path, run: Path, out: Path, groups: list[list[str]]) -> Cost:
    """What it takes to write these groups of formats, each in a process of its own, one after the other."""
    out.mkdir(exist_ok=True)
    wall, processor = 0.0, 0.0
    for names in groups:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE, str(run), str(out), *names], cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)})
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"writing {', '.join(names)} failed")
        wall += time.perf_counter() - began
        processor += usage.ru_utime + usage.ru_stime
    return Cost(wall, processor)


def median(costs: list[Cost]) -> Cost:
    """The median of each."""
    return Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))


if __name__ == "__main__":
    main()
