"""What it takes to start: an audit of one policy, a bare interpreter, and `--help`. `./run.sh bench start`

`bench/startup.py` compares ways to write the hook in the .pth file.
"""
from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from .harness import Benchmark, Option, Section, in_turn
from .harness.account import Size, seeded
from .harness.cloud import cloud
from .harness.programs import BIN, audit, custodian, sweepable

_NUMBERS = count()
_SITE_ONLY = "import site; site.main()"
_NO_HOOK = "import sys; sys.modules['custom_actions._autoload'] = sys; import site; site.main()"


def measure(options: argparse.Namespace) -> Section:
    """One policy with both, and interpreters."""
    section = Section(
        f"`guardrails audit --policy {options.policy}` against a bare `custodian run --dryrun` of the same policy, on "
        f"an account with {options.buckets} buckets and a few of everything else. An interpreter that imports nothing, "
        "with the .pth files of the environment, against one in which our hook does nothing.")
    with cloud() as where, tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        seeded(where, 1, Size(options.buckets, 3, 4, 2))
        files = sweepable(directory / "policies", selected=lambda each: each == options.policy)

        def new() -> Path:
            made = directory / f"run-{next(_NUMBERS)}"
            made.mkdir()
            return made / "output"

        found = in_turn(options.rounds, {
            "audit": lambda: audit(where, new(), "-p", options.policy),
            "custodian": lambda: custodian(where, files, new(), "--cache", "memory"),
        })
        ours, theirs = found.values()
    bare = "bare `custodian run`"
    section.compare("start.audit", "one-policy audit, processor", [u.processor for u in ours],
                    [u.processor for u in theirs], against=bare, unit="s")
    section.compare("", "one-policy audit, wall", [u.wall for u in ours], [u.wall for u in theirs],
                    against=bare, unit="s")
    if all(u.memory for u in (*ours, *theirs)):
        section.compare("", "one-policy audit, memory", [u.memory for u in ours], [u.memory for u in theirs],
                        against=bare, unit="MiB")
    starts = in_turn(options.starts, {
        "with": lambda: _milliseconds([sys.executable, "-S", "-c", _SITE_ONLY]),
        "without": lambda: _milliseconds([sys.executable, "-S", "-c", _NO_HOOK]),
    }, quiet=True)
    section.compare("", "start of an interpreter", starts["with"], starts["without"],
                    against="the same without our hook", unit="ms")
    helps = in_turn(max(options.starts // 4, 1), {
        "ours": lambda: _milliseconds([str(BIN / "guardrails"), "--help"]),
        "custodian": lambda: _milliseconds([str(BIN / "custodian"), "--help"]),
    }, quiet=True)
    section.compare("", "`--help`", helps["ours"], helps["custodian"], against="`custodian --help`", unit="ms")
    return section


def _milliseconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


BENCHMARK = Benchmark("start", "What does it take to start, for one policy and for nothing?", measure, (
    Option("rounds", 5, 1, "how often the audit and custodian are run, in turn"),
    Option("starts", 21, 1, "how often an interpreter is started, in turn"),
    Option("policy", "s3-bucket-versioning", "s3-bucket-versioning", "the policy, on aws.s3"),
    Option("buckets", 10, 1, "buckets of the account"),
))

if __name__ == "__main__":
    BENCHMARK.main()
