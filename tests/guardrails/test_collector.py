"""The garbage collector runs rarely in every process of this program."""
from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from click.testing import CliRunner

from guardrails.cli.main import main
from guardrails.runs.children import start

RARELY = 50_000
HERE = Path(__file__).parents[2]


@pytest.fixture
def usual() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def tell(connection: Connection) -> None:
    """What a child does."""
    connection.send(gc.get_threshold()[0])


def test_the_command_line(usual: None) -> None:
    assert CliRunner().invoke(main, ["--version"]).exit_code == 0
    assert gc.get_threshold()[0] == RARELY


def test_a_process_of_a_sweep(usual: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    child = start(tell, fork=False)
    assert child.connection.recv() == RARELY
    assert child.how() == "ended with exit code 0"
    done = subprocess.run(
        [sys.executable, "-c", "import gc, guardrails.runs.children; print(gc.get_threshold()[0])"],
        capture_output=True, text=True, check=True)
    assert done.stdout == "700\n", "importing a module changes nothing"
