"""What one audit asks of AWS and how long it takes, against plain Cloud Custodian on the same policies.

    ./run.sh python bench/audit.py
    ./run.sh python bench/audit.py --rounds 5 --repeated
    ./run.sh python bench/audit.py --way audit --earlier 3c58bd4
    ./run.sh python bench/audit.py --memory --accounts 40

One seeded account is held by moto's server in a process of its own, which counts what it is asked. In turn, so many
rounds, everything that a sweep can run of policies/ is run (a) with `custodian run --dryrun` file by file, each with
an empty cache, (b) the same in one start for all files, with c7n's cache in memory, and (c) with `guardrails audit`.
Prints seconds, calls, calls that had been asked before in the same run, and each one's ratio to (a). --memory
measures the most memory of all processes of an audit over so many accounts. --earlier also audits with the policies of
an earlier commit, which shows what more policies cost. The benchmark `sweep` compares more.
"""
from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path

import boto3

from bench.harness import Usage, in_turn, server
from bench.harness.account import Size
from bench.harness.account import seed as fill
from bench.harness.account import seeded as filled
from bench.harness.cloud import HOME, REGION, ROOT, Cloud, account_id, accounts_file, cloud, role
from bench.harness.programs import audit, custodian, custodian_each, files_of, sweepable
from bench.harness.server import Counting, operation

# What other scripts in this directory take from here.
__all__ = [
    "HOME", "REGION", "ROOT", "Cloud", "Counting", "account_id", "cloud", "operation", "role", "seed", "seeded",
    "serve",
]

_NUMBERS = count()


def _here(directory: Path) -> Path:
    """A new directory."""
    made = directory / str(next(_NUMBERS))
    made.mkdir()
    return made


WAYS: Mapping[str, Callable[[Cloud, list[Path], Path, str], Usage]] = {
    "custodian, file by file": lambda where, files, here, _: custodian_each(where, files, here / "all"),
    "custodian, one start": lambda where, files, here, _: custodian(where, files, here / "all", "--cache", "memory"),
    "audit": lambda where, _, here, policies: audit(where, here / "audit", "-p", policies),
}


def seed(session: boto3.Session, size: int) -> None:
    """Fill an account of about this size."""
    fill(session, Size.of(size))


def seeded(where: Cloud, accounts: int, size: int) -> None:
    """Fill so many accounts of about this size; this process's boto3 talks to the cloud afterwards."""
    where.use()
    filled(where, accounts, Size.of(size))


def serve() -> None:
    """Print the endpoint of a server with this module's `Counting`, and serve until standard input is closed."""
    server.serve(Counting)


def compare(
    rounds: int, size: int, ways: Iterable[str], policies: str = "*", earlier: str = ""
) -> dict[str, list[Usage]]:
    """Each way once a round, in turn; with `earlier`, also an audit with the policies of that commit."""
    with cloud() as where, tempfile.TemporaryDirectory() as name:
        seeded(where, 1, size)
        directory = Path(name)
        files = sweepable(directory / "policies", selected=lambda each: fnmatchcase(each, policies))
        runs: dict[str, Callable[[], Usage]] = {
            way: lambda way=way: WAYS[way](where, files, _here(directory), policies) for way in ways}  # type: ignore[misc]
        if earlier:
            theirs = files_of(earlier, directory, "policies") / "policies"
            runs[f"audit, {earlier}"] = lambda: audit(
                where, _here(directory) / "audit", "-p", policies, "--policies", theirs)
        return in_turn(rounds, runs)


def show(found: Mapping[str, Sequence[Usage]], *, repeated: bool) -> None:
    """The table, and with `repeated` which operations were asked again."""
    rows = {
        way: (statistics.median(u.wall for u in used), statistics.median(u.called for u in used),
              statistics.median(sum(u.repeated.values()) for u in used))
        for way, used in found.items()}
    base = next(iter(rows.values()))
    print(f"{'':26} {'seconds':>8} {'ratio':>6} {'calls':>7} {'ratio':>6} {'asked again':>12}")
    for way, (seconds, calls, again) in rows.items():
        print(f"{way:26} {seconds:8.1f} {seconds / base[0]:6.2f} {calls:7.0f} {calls / base[1]:6.2f} {again:12.0f}")
    for way, used in found.items() if repeated else ():
        print(f"\n{way}: asked again")
        for name, number in sorted(used[-1].repeated.items(), key=lambda each: -each[1]):
            print(f"  {number:6}  of {used[-1].calls[name]:5}  {name}")


def memory(accounts: int, size: int) -> None:
    """One audit over so many accounts: the most memory of all its processes together."""
    with cloud() as where, tempfile.TemporaryDirectory() as name:
        seeded(where, accounts, size)
        directory = Path(name)
        used = audit(where, directory / "audit", "-c", accounts_file(directory, accounts))
    print(used.output.splitlines()[0] if used.output else used.errors[-2000:])
    print(f"{accounts} accounts: {used.wall:.1f} s, {used.memory:.0f} MiB")


def main() -> None:
    """Measure side by side and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is run, in turn [3]")
    parser.add_argument("--size", type=int, default=30, help="buckets, users and so on in an account [30]")
    parser.add_argument("--way", action="append", choices=list(WAYS), help="only this one; may be repeated")
    parser.add_argument("--policies", default="*", help="a glob of policies [*]")
    parser.add_argument("--earlier", default="", metavar="COMMIT", help="also with the policies of this commit")
    parser.add_argument("--repeated", action="store_true", help="show which operations were asked again")
    parser.add_argument("--memory", action="store_true", help="measure memory over --accounts accounts instead")
    parser.add_argument("--accounts", type=int, default=10, help="how many, for --memory [10]")
    options = parser.parse_args()
    if options.memory:
        memory(options.accounts, options.size)
    else:
        show(compare(options.rounds, options.size, options.way or WAYS, options.policies, options.earlier),
             repeated=options.repeated)


if __name__ == "__main__":
    main()
