"""Finds a team's guardrails.yml, as Git finds its repository: in the current directory, or in one above it.

The file names Python packages that are then imported, and decides which accounts are changed. So a file that another
user owns is refused: in a directory that several users share, such as /tmp, anybody could put one above ours.
"""
from __future__ import annotations

import os
from pathlib import Path

FILE = "guardrails.yml"
VARIABLE = "GUARDRAILS_SETTINGS"
"""The environment variable with the file of settings, or `none`."""
NONE = "none"


class TeamError(Exception):
    """Something in a team's repository cannot be used. Nothing has been changed."""

    def __init__(self, problem: str, fix: str, *, file: Path | None = None, line: int = 1) -> None:
        """`file` and `line`: where the problem is; without a file, `problem` says it."""
        super().__init__(problem)
        self.problem, self.fix, self.file, self.line = problem, fix, file, line

    def __str__(self) -> str:
        return f"{self.where}\n  {self.fix}"

    @property
    def where(self) -> str:
        """The problem with its file and line."""
        return f"{self.file}:{self.line}: {self.problem}" if self.file else self.problem


def settings_file(given: str | None = None) -> Path | None:
    """The file of settings that applies: the given one, else that of the environment variable, else the nearest.

    Returns None if there is none. Raises TeamError if the named file does not exist, or another user owns the nearest.
    """
    given = given or os.environ.get(VARIABLE)
    if given == NONE:
        return None
    if given:
        if not os.path.isfile(given):
            raise TeamError(f"{given}: there is no such file of settings", f"name a file, or {NONE}")
        return Path(given)
    return nearest_settings(Path.cwd())


def nearest_settings(directory: Path) -> Path | None:
    """The guardrails.yml of the directory, or else of the nearest directory above it; None if there is none.

    Raises TeamError if it belongs to another user, who could then choose what is done.
    """
    directory = directory.resolve()
    for place in (directory, *directory.parents):
        file = place / FILE
        if not file.is_file():
            continue
        if file.stat().st_uid not in (os.geteuid(), 0):
            raise TeamError(
                f"{file} belongs to another user, so it is not used",
                f"if you trust it, name it: --settings {file}, or {VARIABLE}={file} in the environment; "
                f"to use none: {VARIABLE}={NONE}")
        return file
    return None
