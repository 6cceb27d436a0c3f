"""All formats of a run with many findings: this checkout against an earlier commit. `./run.sh bench report`

Each checkout makes its own file of a run with the same findings, and `report --format all` writes all formats from it,
in turn. The earlier commit is checked out of Git into a temporary directory. `bench/reports.py` compares with the
formats one by one.
"""
from __future__ import annotations

import argparse
import os
import sys
import tempfile
from itertools import count
from pathlib import Path

from .harness import Benchmark, Failed, Option, Section, Table, Usage, in_turn, run, say
from .harness.cloud import ROOT
from .harness.programs import files_of

_NUMBERS = count()
_MAKE = """
import sys
from pathlib import Path
from tests.guardrails.report.html import runs
made = runs.large(Path(sys.argv[1]), int(sys.argv[2]))
with made.store as store:
    store.set_all({name: getattr(made, name) for name in ("verb", "run", "version", "started", "finished")})
"""
_REPORT = "from guardrails.cli.main import main; main()"


def _environment(root: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GUARDRAILS_"))}
    return {**kept, "PYTHONPATH": str(root)}


def _make(root: Path, directory: Path, findings: int) -> Path:
    """A run's directory with so many findings, made by the code of a checkout."""
    run([sys.executable, "-c", _MAKE, directory, str(findings)], env=_environment(root), cwd=root)
    return directory


def _write(root: Path, made: Path, directory: Path) -> Usage:
    """All formats of a run, written by the code of a checkout. Raises Failed when files are missing."""
    out = directory / f"report-{next(_NUMBERS)}"
    used = run([sys.executable, "-c", _REPORT, "report", made, "--format", "all", "-o", out], env=_environment(root),
               cwd=directory)
    if sum(1 for file in out.rglob("*") if file.is_file()) < 8:
        raise Failed(f"not all formats were written: {sorted(file.name for file in out.rglob('*'))}")
    return used


def measure(options: argparse.Namespace) -> Section:
    """Each number of findings, with both checkouts; then ours alone at the largest."""
    section = Section(
        f"`report --format all` of one run of 40 accounts, against the same of commit {options.commit}, each from a "
        "file that it has made itself.")
    rows: list[list[object]] = []
    if not options.findings:
        section.not_measured("all formats", f"commit {options.commit}", "`--findings` is empty")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        try:
            before = files_of(options.commit, directory)
            for findings in options.findings:
                _compare(section, rows, before, directory, findings, options)
        except Failed as error:
            if "git archive" not in str(error):
                raise
            section.not_measured("all formats", f"commit {options.commit}", str(error).replace("\n", " "))
        for findings in options.alone:
            made = _make(ROOT, directory / f"alone-{findings}", findings)
            say(f"made {findings:,} findings")
            used = _write(ROOT, made, directory)
            rows.append([f"{findings:,}", f"{used.wall:.1f}", f"{used.processor:.1f}", f"{used.memory:.0f}"])
    section.tables.append(Table(("findings", "wall, s", "processor, s", "memory, MiB"), rows, "All formats, ours"))
    return section


def _compare(
    section: Section, rows: list[list[object]], before: Path, directory: Path, findings: int,
    options: argparse.Namespace,
) -> None:
    ours = _make(ROOT, directory / f"ours-{findings}", findings)
    theirs = _make(before, directory / f"theirs-{findings}", findings)
    say(f"made {findings:,} findings")
    found = in_turn(options.rounds, {
        f"{findings:,} findings": lambda: _write(ROOT, ours, directory),
        f"the same, {options.commit}": lambda: _write(before, theirs, directory),
    })
    mine, other = found.values()
    against = f"commit {options.commit}"
    judged = findings == options.judged
    section.compare("report.all-formats" if judged else "", f"all formats of {findings:,} findings, processor",
                    [u.processor for u in mine], [u.processor for u in other], against=against, unit="s")
    section.compare("", f"all formats of {findings:,} findings, wall", [u.wall for u in mine], [u.wall for u in other],
                    against=against, unit="s")
    if all(u.memory for u in (*mine, *other)):
        section.compare("", f"all formats of {findings:,} findings, memory", [u.memory for u in mine],
                        [u.memory for u in other], against=against, unit="MiB")
    rows.append([f"{findings:,}", f"{mine[-1].wall:.1f}", f"{mine[-1].processor:.1f}", f"{mine[-1].memory:.0f}"])


BENCHMARK = Benchmark("report", "How long does writing all formats take, against an earlier commit?", measure, (
    Option("findings", (50000,), (), "numbers of findings that are compared"),
    Option("judged", 50000, 10, "the number that the target is for"),
    Option("alone", (200000,), (10,), "numbers of findings that ours alone writes"),
    Option("rounds", 1, 1, "how often each checkout writes them, in turn"),
    Option("commit", "12705f1", "HEAD", "the earlier commit"),
))

if __name__ == "__main__":
    BENCHMARK.main()
