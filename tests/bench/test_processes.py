"""Running a program: its children count, and what did not work is no figure."""
from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from bench.harness import Failed, in_turn, run

CHILD = "import time; b = bytearray(60_000_000); b[::4096] = b'x' * len(b[::4096]); e = time.process_time() + 0.3\n" \
        "while time.process_time() < e: pass"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}], check=True)"


def test_processor_time_and_memory_are_of_all_processes() -> None:
    used = run([sys.executable, "-S", "-c", PARENT])
    assert used.processor > 0.3
    assert used.memory > 60 or not Path("/proc/self/smaps_rollup").exists()


def test_output_and_errors_are_apart_and_the_environment_is_the_one_that_is_given(tmp_path: Path) -> None:
    code = "import os, sys; print(sorted(os.environ), os.getcwd()); print(3, file=sys.stderr)"
    used = run([sys.executable, "-c", code], env={"ONLY": "1"}, cwd=tmp_path)
    assert "'ONLY'" in used.output
    assert "HOME" not in used.output
    assert str(tmp_path) in used.output
    assert used.errors == "3\n"


def test_a_bad_exit_code_is_an_error_that_has_the_end_of_its_output() -> None:
    with pytest.raises(Failed, match=r"ended with 3:\nit is broken"):
        run([sys.executable, "-c", "import sys; print('it is broken', file=sys.stderr); sys.exit(3)"])
    assert run([sys.executable, "-c", "raise SystemExit(2)"], good=(0, 2)).code == 2


def test_a_program_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = ("import pathlib, time\n"
             f"while True: pathlib.Path({str(alive)!r}).write_text(str(time.time())); time.sleep(.05)")
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {child!r}])"
    with pytest.raises(Failed, match="did not end within"):
        run([sys.executable, "-S", "-c", parent], timeout=1.5)
    time.sleep(0.3)
    last = alive.read_text() if alive.exists() else ""
    time.sleep(0.3)
    assert (alive.read_text() if alive.exists() else "") == last


def test_ways_are_run_in_turn() -> None:
    order: list[str] = []
    found = in_turn(2, {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, quiet=True)
    assert order == ["a", "b", "a", "b"]
    assert {name: len(each) for name, each in found.items()} == {"a": 2, "b": 2}
