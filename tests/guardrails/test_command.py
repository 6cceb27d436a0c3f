"""The command that hints name."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from guardrails import command as module
from guardrails.command import VARIABLE, command, program
from guardrails.errors import GuardrailsError
from guardrails.paths import ROOT

from .conftest import guardrails


def test_the_command_is_what_the_user_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("audit", "-c accounts.yml") == "guardrails audit -c accounts.yml"
    monkeypatch.setenv(VARIABLE, "./run.sh")
    assert command("audit") == "./run.sh audit"
    monkeypatch.setenv(VARIABLE, "/opt/my tools/run.sh")
    assert command() == "'/opt/my tools/run.sh'"


def typed(*arguments: str) -> str:
    """What the command prints in a process of its own; click's test runner has a name for the program."""
    code = "from guardrails.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False).stdout


def test_help_and_hints_name_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, "./run.sh")
    assert "\n    ./run.sh audit -c" in guardrails("audit", "-h").output
    assert "Usage: ./run.sh audit " in typed("audit", "-h")
    assert "./run.sh sandbox start" in typed("sandbox", "status", "--directory", str(tmp_path / "none"))
    assert "./run.sh sandbox env" in guardrails("sandbox", "env", "-h").output
    monkeypatch.delenv(VARIABLE)
    assert "\n    guardrails audit -c" in guardrails("audit", "-h").output


def test_only_one_file_knows_run_sh() -> None:
    """Everything else takes it from there, so that nobody is told to run what they do not have."""
    tops = ("guardrails", "custom_actions", "policies", "mailer")
    places = [file for top in tops for file in (ROOT / top).rglob("*")]
    text = {file for file in places if file.is_file() and file.suffix != ".pyc"}
    assert len(text) > 300
    assert {file for file in text if "./run.sh" in file.read_text(encoding="utf-8")} == {Path(module.__file__)}


def test_a_program_that_is_missing() -> None:
    assert program("c7n-org").is_file()
    with pytest.raises(GuardrailsError, match=r"no-such-program is missing") as caught:
        program("no-such-program")
    assert "remove .venv" in caught.value.fix
