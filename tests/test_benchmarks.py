"""Every benchmark starts, at its smallest size, so that none rots. What it measures is not asserted."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.guardrails.report.html.conftest import start_browser

BENCH = Path(__file__).parents[1] / "bench"
SMALLEST = {
    "audit.py": ("--rounds", "1", "--size", "1", "--way", "custodian, one start", "--way", "audit"),
    "distributed.py": ("--unit", "--size", "1"),
    "evidence.py": ("--resources", "10", "--checks", "2"),
    "html_report.py": ("--rounds", "1", "--findings", "10"),
    "ingress.py": ("--rules", "5", "--pairs", "5"),
    "load.py": ("--groups", "10", "--findings", "2", "--events", "4", "--over", "2", "--instances", "2"),
    "startup.py": ("--rounds", "1"),
    "validate.py": ("--policies", "1"),
}


def test_every_benchmark_has_a_smallest_size() -> None:
    assert {path.name for path in BENCH.glob("*.py")} == set(SMALLEST)


@pytest.mark.parametrize("name", SMALLEST)
def test_it_starts(name: str, tmp_path: Path) -> None:
    if name == "html_report.py":
        start_browser().quit()  # skips, or fails in CI, where there is none
    done = subprocess.run(
        [sys.executable, str(BENCH / name), *SMALLEST[name]], cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.strip()
