"""run.sh, with an environment in which the command only says how it was called."""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with an environment that is up to date."""
    home = tmp_path / "check out"
    programs = home / ".venv" / "bin"
    for directory in (programs, home / "requirements", home / "packaging"):
        directory.mkdir(parents=True)
    shutil.copy(ROOT / "run.sh", home)
    (home / "requirements" / "project.lock").write_text("one==1\n")
    (home / "packaging" / "a.pth").write_text("import a\n")
    (home / ".venv" / "made-from").write_text(f"one==1\nimport a\n{home}\n")
    (programs / "guardrails").write_text('#!/bin/sh\nprintf "%s|" "$GUARDRAILS_COMMAND" "$@"\n')
    (programs / "guardrails").chmod(0o755)
    return home


def run(command: list[str], directory: Path, **more: str) -> str:
    done = subprocess.run(
        command, cwd=directory, env={**os.environ, **more}, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_every_argument_goes_to_the_command_with_the_name_that_was_typed(checkout: Path) -> None:
    assert run(["./run.sh", "audit", "a b", "*"], checkout) == "./run.sh|audit|a b|*|"
    assert run(["bash", "run.sh", "python", "-c", ""], checkout) == "./run.sh|python|-c||"
    assert run([str(checkout / "run.sh")], checkout.parent) == f"{checkout}/run.sh|"


def test_a_shell_that_completes_starts_no_installation(checkout: Path) -> None:
    asks = {"_GUARDRAILS_COMPLETE": "bash_complete"}
    assert run(["./run.sh"], checkout, **asks) == "./run.sh|"
    (checkout / "requirements" / "project.lock").write_text("one==2\n")
    assert run(["./run.sh"], checkout, **asks) == ""
    assert (checkout / ".venv" / "made-from").is_file() and not (checkout / "install.log").exists()
