"""No process of a run outlives it, also when the run is killed with `kill -9`."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from custom_actions.lifeline import EXIT_CODE, VARIABLE
from guardrails.runs.lifeline import lifeline
from tests.processes import all_end

RUN = """
import os, subprocess, sys, time
from pathlib import Path
from guardrails.runs.lifeline import lifeline

with lifeline(Path(sys.argv[1])) as variables:
    subprocess.run([sys.executable, *sys.argv[2:]], env={**os.environ, **variables})
"""
# A program that keeps two workers busy, as c7n-org does. Each process writes its id.
PROGRAM = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

def work(directory):
    Path(directory, str(os.getpid())).touch()
    while True:
        time.sleep(0.01)

if __name__ == "__main__":
    Path(sys.argv[2], str(os.getpid())).touch()
    with ProcessPoolExecutor(2, get_context(sys.argv[1])) as pool:
        list(pool.map(work, [sys.argv[2]] * 2))
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_end_when_the_run_is_killed_however_they_were_started(tmp_path: Path, method: str) -> None:
    program, pids = tmp_path / "program.py", tmp_path / "pids"
    program.write_text(PROGRAM)
    pids.mkdir()
    run = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path), str(program), method, str(pids)])
    try:
        while len(list(pids.iterdir())) < 3:
            assert run.poll() is None
            time.sleep(0.05)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert all_end([int(file.name) for file in pids.iterdir()], seconds=20)


def test_a_process_that_starts_after_its_run_was_killed_does_nothing(tmp_path: Path) -> None:
    fifo, done = tmp_path / "fifo", tmp_path / "done"
    os.mkfifo(fifo)
    command = [sys.executable, "-c", f"open({str(done)!r}, 'w')"]
    for path in (fifo, tmp_path / "removed"):
        ended = subprocess.run(command, env={**os.environ, VARIABLE: str(path)}, check=False)
        assert (ended.returncode, done.exists()) == (EXIT_CODE, False)


def test_a_process_of_a_living_run_works(tmp_path: Path) -> None:
    with lifeline(tmp_path) as variables:
        ended = subprocess.run([sys.executable, "-c", "print('done')"], env={**os.environ, **variables},
                               capture_output=True, text=True, check=True)
    assert ended.stdout == "done\n"
