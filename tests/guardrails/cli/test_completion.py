"""`completion`, and what a shell gets when it asks."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guardrails.cli.completion import SHELLS, place, script
from guardrails.cli.main import VERBS

from ..conftest import guardrails

# Asks as bash does: the function gets the command, and leaves what it found in COMPREPLY.
ASK = """
source {script}
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
{function} "${{COMP_WORDS[0]}}" "${{COMP_WORDS[COMP_CWORD]}}" ""
echo "${{COMPREPLY[@]}}"
"""


def ask(file: Path, function: str, words: str, directory: Path) -> list[str]:
    done = subprocess.run(
        ["bash", "-c", ASK.format(script=file, words=words, function=function)], capture_output=True, text=True,
        cwd=directory, env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("shell", SHELLS)
def test_it_is_printed_or_installed_and_nothing_else_is_changed(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    printed = guardrails("completion", shell)
    assert printed.exit_code == 0 and "_GUARDRAILS_COMPLETE=" in printed.stdout
    result = guardrails("completion", shell, "--install")
    path, _ = place(shell)
    assert result.stdout == f"written: {path}\n"
    assert path.read_text().strip() == printed.stdout.strip()
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_bash_completes_verbs_and_options(tmp_path: Path) -> None:
    file = tmp_path / "completion"
    file.write_text(script("bash", None))
    assert ask(file, "_guardrails_completion", "guardrails r", tmp_path) == [
        verb for verb in VERBS if verb.startswith("r")]
    assert ask(file, "_guardrails_completion", "guardrails heal --plan", tmp_path) == ["--plan-out"]


def test_bash_completes_our_run_sh_and_never_runs_another_one(tmp_path: Path) -> None:
    ours, other = tmp_path / "ours", tmp_path / "other"
    for directory in (ours, other):
        directory.mkdir()
        (directory / "run.sh").write_text("#!/bin/sh\ntouch executed\n")
        (directory / "run.sh").chmod(0o755)
    file = tmp_path / "completion"
    file.write_text(script("bash", ours / "run.sh"))
    function = "_guardrails_run_sh_completion"
    assert ask(file, function, "./run.sh au", ours) == ["audit"]
    with pytest.raises(subprocess.CalledProcessError):
        ask(file, f"set -e; {function}", "./run.sh au", other)
    assert not list(tmp_path.rglob("executed"))


def test_completing_imports_no_verb() -> None:
    code = (
        "import os, sys\n"
        "from guardrails.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m.startswith('guardrails.cli.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "_GUARDRAILS_COMPLETE": "bash_complete", "COMP_WORDS": "guardrails ", "COMP_CWORD": "1"})
    assert done.stdout.splitlines()[-1] == "['guardrails.cli.main']"
    assert "plain,audit" in done.stdout
