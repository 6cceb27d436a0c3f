"""The files of a new team repository, which `init` writes; they are in the directory `team`."""
from __future__ import annotations

from importlib.resources import files

_FILES = {
    "guardrails.yml": "guardrails.yml",
    "accounts.yml": "accounts.yml",
    "exceptions.yml": "exceptions.yml",
    "policies/periodic/ec2.yml": "policies/periodic/ec2.yml",
    "tests/policies/periodic/ec2.yml": "tests/policies/periodic/ec2.yml",
    "README.md": "README.md",
    # Under other names here: these would have an effect in this project's own repository.
    ".gitignore": "gitignore",
    ".github/workflows/guardrails.yml": "github/guardrails.yml",
}


def team_files() -> dict[str, str]:
    """Path to content of each file. `{version}` in them stands for the version of aws-guardrails."""
    root = files("guardrails.settings") / "team"
    return {path: root.joinpath(name).read_text(encoding="utf-8") for path, name in _FILES.items()}
