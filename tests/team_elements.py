"""A team's repository with a filter and an action of its own: the example of docs/elements.md, as it is there."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "elements.md"
PACKAGE, FILTER, ACTION = "team_elements", "no-change-request", "tag-for-review"
POLICY = "group-without-change-request"
_FILE = re.compile(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def write_team(directory: Path) -> Path:
    """Write the example's files into the directory; returns it."""
    for name, text in _FILE.findall(PAGE.read_text(encoding="utf-8")):
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return directory


def replace(file: Path, old: str, new: str) -> None:
    """Replace a text that the file must contain."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def program(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment, as a user in this directory would."""
    return subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]], cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, capture_output=True, text=True, timeout=180,
        check=False)


def verb(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a verb of the command line in a process of its own: a process registers elements once."""
    return program("python", "-c", "from guardrails.cli.main import main; main()", *arguments, cwd=cwd, **environment)
