"""Every benchmark starts, at its smallest size, so that none rots. What it measures is not asserted."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.harness.cloud import cloud
from bench.run import MODULES
from tests.guardrails.report.html.conftest import start_browser

ROOT = Path(__file__).parents[1]
BENCH = ROOT / "bench"
SCRIPTS = {
    "audit.py": ("--rounds", "1", "--size", "1", "--way", "audit", "--policies", "s3-bucket-versioning", "--earlier",
                 "HEAD"),
    "distributed.py": ("--unit", "--size", "1"),
    "evidence.py": ("--resources", "10", "--checks", "2"),
    "html_report.py": ("--rounds", "1", "--findings", "10", "--accounts", "2"),
    "ingress.py": ("--rules", "5", "--pairs", "5"),
    "load.py": ("--groups", "10", "--findings", "2", "--events", "4", "--over", "2", "--instances", "2"),
    "reports.py": ("--rounds", "1", "--findings", "10", "--accounts", "2"),
    "startup.py": ("--rounds", "1"),
}
"""Those that `./run.sh bench` does not run, and their smallest sizes."""
ELSEWHERE = {
    "event": ("--rounds", "1", "--events", "1"),
}
"""Benchmarks that are scripts of their own, if they are in this checkout."""
INSTALLED = {name: BENCH / f"{module.partition('.')[2]}.py" for name, module in MODULES.items()}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """One local AWS for all of them: each empties it first."""
    with cloud() as running:
        yield running.endpoint


def _harnessed(file: Path) -> bool:
    return file.exists() and "BENCHMARK = " in file.read_text(encoding="utf-8")


def test_every_file_is_a_benchmark_or_a_script_with_a_smallest_size() -> None:
    known = {"__init__.py", "run.py", *SCRIPTS, *(file.name for file in INSTALLED.values())}
    assert {path.name for path in BENCH.glob("*.py")} <= known
    assert {name for name, file in INSTALLED.items() if not _harnessed(file)} <= set(ELSEWHERE)


@pytest.mark.parametrize("name", [name for name in SCRIPTS if (BENCH / name).exists()])
def test_a_script_starts(name: str, tmp_path: Path, server: str) -> None:
    if name == "html_report.py":
        start_browser().quit()  # skips, or fails in CI, where there is none
    _starts([str(BENCH / name), *SCRIPTS[name]], tmp_path, server)


@pytest.mark.parametrize("name", [name for name in INSTALLED if INSTALLED[name].exists()])
def test_a_benchmark_starts(name: str, tmp_path: Path, server: str) -> None:
    if not _harnessed(INSTALLED[name]):
        _starts([str(INSTALLED[name]), *ELSEWHERE[name]], tmp_path, server)
        return
    results = tmp_path / "results.md"
    printed = _starts(["-m", f"bench.{INSTALLED[name].stem}", "--smallest", "--results", str(results)], ROOT, server)
    written = results.read_text(encoding="utf-8")
    assert f"\n## {name}\n" in written
    assert re.search(r"Python 3\.\d+\.\d+, c7n [\d.]+, c7n-org [\d.]+, moto [\d.]+", written)
    assert "--smallest" not in printed


def _starts(command: list[str], directory: Path, server: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=directory, env={**os.environ, "BENCH_SERVER": server}, capture_output=True,
        text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.strip()
    return done.stdout
