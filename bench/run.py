"""Runs benchmarks, each in a process of its own, so that one that fails does not hide the others.

    ./run.sh bench --list
    ./run.sh bench                       # all of them, about half an hour on two processors
    ./run.sh bench sweep calls           # some
    ./run.sh bench sweep --rounds 5      # one, with its options: ./run.sh bench sweep --help
    ./run.sh bench --smallest            # each once, at its smallest size
"""
from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from .harness.results import RESULTS, Section, write_failure, write_section

ROOT = Path(__file__).parents[1]
MODULES: Mapping[str, str] = {
    "sweep": "bench.sweep", "calls": "bench.calls", "growth": "bench.growth", "accounts": "bench.accounts",
    "policies": "bench.policies", "start": "bench.start", "event": "bench.event", "verdict": "bench.verdict",
    "validate": "bench.validate", "deploy": "bench.deploy", "report": "bench.report",
}
"""Every benchmark, in the order of results.md, and its module."""
ORDER = tuple(MODULES)
_KEPT_LINES = 30


def question(name: str) -> str:
    """What a benchmark answers, in one line."""
    try:
        module = importlib.import_module(MODULES[name])
    except ModuleNotFoundError as error:
        if error.name != MODULES[name]:
            raise
        return "(not in this checkout)"
    if benchmark := getattr(module, "BENCHMARK", None):
        return str(benchmark.question)
    return (module.__doc__ or "").strip().partition("\n")[0]


def run_one(name: str, options: Sequence[str], results: Path) -> bool:
    """Run one benchmark and let it write its section; a section says why if it fails. Returns whether it succeeded."""
    module = MODULES[name]
    source = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    if not source.is_file():
        write_failure(results, name, f"{source.relative_to(ROOT)} is not in this checkout", order=ORDER)
        return False
    # A script without a BENCHMARK knows none of the harness's options, and prints its figures.
    plain = "BENCHMARK = " not in source.read_text(encoding="utf-8")
    given = [*options] if plain else [*options, "--results", str(results)]
    start = [str(source)] if plain else ["-m", module]
    process = subprocess.Popen(
        [sys.executable, *start, *given], cwd=ROOT, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    last: deque[str] = deque(maxlen=_KEPT_LINES)
    assert process.stdout is not None
    assert process.stderr is not None
    errors = process.stderr

    def talk() -> None:
        for line in errors:
            last.append(line)
            sys.stderr.write(line)
            sys.stderr.flush()

    talking = threading.Thread(target=talk)
    talking.start()
    try:
        printed = process.stdout.read()
        talking.join()
        process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    print(printed, flush=True)
    if process.returncode:
        progress = ("  round ", "  seeded")
        why = "".join(line for line in last if not line.startswith(progress))
        write_failure(results, name, why or f"it ended with {process.returncode}", order=ORDER)
        return False
    if plain:
        write_section(results, name, Section(f"```\n{printed.strip()}\n```"), order=ORDER, options=" ".join(options))
    return True


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the named benchmarks, by default all; exits with 1 when one failed."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    names = []
    while given and not given[0].startswith("-"):
        names.append(given.pop(0))
    if len(names) != 1:
        parser = argparse.ArgumentParser(
            prog="./run.sh bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--list", action="store_true", help="name the benchmarks, and run none")
        parser.add_argument("--smallest", action="store_true", help="each once, at its smallest size")
        parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help="[bench/results.md]")
        options = parser.parse_args(given)
        if options.list:
            for name in names or ORDER:
                print(f"{name:10} {question(name)}")
            return
        results, given = options.results, ["--smallest"] if options.smallest else []
    else:
        results = RESULTS
        if "--results" in given[:-1]:
            where = given.index("--results")
            results = Path(given[where + 1])
            del given[where:where + 2]
    if unknown := [name for name in names if name not in MODULES]:
        sys.exit(f"there is no benchmark {', '.join(unknown)}\n  there are: {', '.join(ORDER)}")
    if len(names) == 1 and {"-h", "--help"} & set(given):
        raise SystemExit(subprocess.run([sys.executable, "-m", MODULES[names[0]], "--help"], cwd=ROOT).returncode)
    failed = []
    for name in names or ORDER:
        print(f"== {name}: {question(name)}", file=sys.stderr, flush=True)
        began = time.perf_counter()
        if not run_one(name, given, results.absolute()):
            failed.append(name)
        print(f"== {name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"written: {results}", file=sys.stderr)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
