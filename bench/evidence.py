"""How large the evidence of an audit is: the ids of everything that passed.

    ./run.sh python bench/evidence.py
    ./run.sh python bench/evidence.py --resources 1000 --checks 10

So many security groups in one account and region are judged by so many policies, each of which a few of them violate.
The files are written by the code that c7n runs, and are read and stored by the code of an audit. Prints the size of
what c7n's side wrote and of run.db, the processor time to write and to read a check, and the largest memory of both.
"""
from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from custom_actions.resources import (  # noqa: E402
    ResourceCounts,
    ResourceName,
    keep_passed,
    resource_arn,
    resource_id,
)
from guardrails.results import AccountInfo, CheckRow, JudgedResources, PassedOutput, PolicyInfo, RunStore  # noqa: E402

ACCOUNT, REGION, TYPE = "123456789012", "eu-west-1", "aws.security-group"


def name_of(group: dict[str, Any]) -> ResourceName:
    """As in the patch of c7n."""
    return ResourceName(resource_id(group, TYPE), resource_arn(group, TYPE, ACCOUNT, REGION))


def write(directory: Path, groups: list[dict[str, Any]], checks: int, violate: float) -> None:
    """What c7n's side writes: the output of each policy, and the list of resources."""
    lists = directory / "lists"
    lists.mkdir()
    for number in range(checks):
        output = directory / f"policy-{number}"
        output.mkdir()
        matched = [group for group in groups if random.random() < violate]  # noqa: S311 - not for security
        keep_passed(lists, SimpleNamespace(root_dir=str(output)), name_of, listed=groups, in_scope=groups,
                    matched=matched, unknown=())
        ResourceCounts(len(groups), len(groups), len(matched), 0).write(SimpleNamespace(root_dir=str(output)))


def policy(name: str) -> PolicyInfo:
    """A policy of the run."""
    return PolicyInfo(
        name=name, title=name, severity="low", exposure="internal", resource=TYPE, kind="periodic", response="alert",
        profile="", controls={}, rationale="", fix="", yaml="", location="", audited=True)


def store(directory: Path, run: RunStore, checks: int) -> None:
    """Read the output of each policy, and store it in the file of a run."""
    run.set_accounts([AccountInfo(ACCOUNT, "bench", (REGION,))])
    run.set_policies(policy(f"policy-{number}") for number in range(checks))

    def rows() -> Iterator[tuple[CheckRow, tuple[()]]]:
        for number in range(checks):
            output = directory / f"policy-{number}"
            counts = ResourceCounts.parse((output / "counts.json").read_bytes())
            passed = PassedOutput.read(output, directory / "lists", counts)
            yield CheckRow(ACCOUNT, "bench", REGION, output.name, "ran", "", counts.matched, (),
                           JudgedResources.of(counts, counts.matched), passed), ()

    run.add(rows())


def timed(what: str, checks: int, work: Callable[[], Any]) -> Any:
    """Do the work, and print the processor time that it took for each check."""
    began = time.process_time()
    result = work()
    seconds = (time.process_time() - began) / checks
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:24} {seconds:8.3f} s of processor a check, {memory:6.0f} MiB of memory so far")
    return result


def megabytes(*files: Path) -> float:
    """Their size together, in MB of a million bytes."""
    return sum(file.stat().st_size for file in files) / 1e6


def main() -> None:
    """Write, store and read, and print the sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resources", type=int, default=100_000, help="how many [100000]")
    parser.add_argument("--checks", type=int, default=100, help="how many judge all of them [100]")
    parser.add_argument("--violate", type=float, default=0.03, help="the share that violates a policy [0.03]")
    options = parser.parse_args()
    groups = [{"GroupId": f"sg-{random.getrandbits(68):017x}"} for _ in range(options.resources)]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        timed("written by c7n's side", options.checks,
              lambda: write(directory, groups, options.checks, options.violate))
        with RunStore.create(directory / "run.db") as run:
            timed("stored in run.db", options.checks, lambda: store(directory, run, options.checks))
            number = timed("read for a report", options.checks, lambda: sum(
                len(check.resources) for check in run.passed()))
        print(f"{number:,} ids: {megabytes(*directory.rglob('*.json'), *directory.rglob('*.gz')):.1f} MB of files, "
              f"{megabytes(directory / 'run.db'):.1f} MB in run.db")


if __name__ == "__main__":
    main()
