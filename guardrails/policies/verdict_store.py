"""Verdicts on files that have not changed, kept from one run to the next in a private directory of the user.

A verdict is stored under a key of all that decides it (`verdict_key`), so a change of any part asks again. Whoever can
write a stored verdict can have a wrong policy called valid. So only what this user alone can have written is read: a
directory and a file that belong to the user, that nobody else may enter or read, and that are no links. Anything else,
and everything damaged, is as if it were not there. The store can be deleted at any time.
"""
from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..errors import GuardrailsError
from ..paths import PRIVATE_DIRECTORY, write_text

VARIABLE = "GUARDRAILS_CACHE"
"""The environment variable with the directory of the store; `none` for no store."""
NONE = "none"
VERDICTS_AT_MOST = 20_000
BYTES_AT_MOST = 8 * 1024**2
"""Of one file of the store."""
FILES_AT_MOST = 8
"""One for each set of versions, settings and elements. Those that were written last are kept."""
_VERDICT_AT_MOST = 64 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
Verdict = TypeVar("Verdict")


def store_directory() -> Path | None:
    """The directory of the store: of the environment variable, else in the user's cache. None: there is none."""
    given = os.environ.get(VARIABLE, "")
    if given:
        return None if given == NONE else Path(given).absolute()
    cache = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The XDG specification: a relative path is invalid, and ignored.
        base = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"
    except RuntimeError:  # the user has no home directory
        return None
    return base / "aws-guardrails" / "verdicts"


@dataclass
class VerdictStore:
    """Stored verdicts, by their keys."""

    file: Path | None = None
    """None: nothing is stored or read."""
    note: str = ""
    """Why nothing is stored or read, for a person."""
    _known: dict[str, Any] = field(default_factory=dict)
    _used: dict[str, Any] = field(default_factory=dict)
    _changed: bool = False

    @classmethod
    def open(cls, environment: str) -> VerdictStore:
        """The verdicts of one environment, which `verdict_key.environment` names. Raises no error: see `note`."""
        directory = store_directory()
        if directory is None:
            return cls(note=f"no verdicts are stored: {VARIABLE} is {NONE}, or there is no home directory")
        file = directory / f"{environment}.json"
        try:
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return cls(file)
        except OSError as error:
            return cls(note=f"no verdicts are stored: {directory}: {error.strerror}")
        try:
            if not _private(os.fstat(handle)):
                return cls(note=f"no verdicts are stored: {directory} belongs to another user, or others may enter it; "
                                f"if it is yours: chmod 700 {directory}")
            return cls(file, _known=_read(handle, file.name))
        finally:
            os.close(handle)

    def recall(self, key: str, read: Callable[[Any], Verdict]) -> Verdict | None:
        """The verdict stored under the key, as `read` makes it; None if there is none, or `read` refuses it."""
        if key not in self._known:
            return None
        try:
            verdict = read(self._known[key])
        except (TypeError, ValueError):
            return None
        self._used[key] = self._known[key]
        return verdict

    def remember(self, key: str, verdict: Any) -> None:
        """Store a verdict, which must be JSON. It is on disk after `save`."""
        if self.file is None or len(json.dumps(verdict)) > _VERDICT_AT_MOST:
            return
        self._used[key] = self._known[key] = verdict
        self._changed = True

    def save(self) -> None:
        """Write new verdicts to disk, with those that another process has stored in the meantime.

        A directory that cannot be written is no error: then everything is asked again next time.
        """
        if self.file is None or not self._changed:
            return
        self._changed = False
        directory = self.file.parent
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
            if not directory.is_dir():
                directory.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if not _private(os.fstat(handle)):
                    return
                stored = _read(handle, self.file.name)
            finally:
                os.close(handle)
            # The oldest first: what this run has used is the newest.
            verdicts = {key: value for key, value in stored.items() if key not in self._used} | self._used
            write_text(self.file, _written(verdicts))
            _drop_oldest(directory)
        except (OSError, GuardrailsError) as error:
            self.note = f"no verdicts are stored: {error}"


def _private(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not found.st_mode & _OTHERS


def _read(directory: int, name: str) -> dict[str, Any]:
    """What a file of the store contains; nothing if it is missing, damaged, too large, or not this user's alone."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return {}
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if not (stat.S_ISREG(found.st_mode) and _private(found) and found.st_size <= BYTES_AT_MOST):
            return {}
        content = stream.read(BYTES_AT_MOST + 1)
    checksum, _, body = content.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != checksum:
        return {}
    try:
        verdicts = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return verdicts if isinstance(verdicts, dict) else {}


def _written(verdicts: dict[str, Any]) -> str:
    """The text of a file with the newest of the verdicts, below the limits."""
    lines = [f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in verdicts.items()]
    lines = lines[-VERDICTS_AT_MOST:]
    room, first = BYTES_AT_MOST - 100, len(lines)
    while first and (room := room - len(lines[first - 1]) - 2) > 0:
        first -= 1
    body = "{" + ",\n".join(lines[first:]) + "}"
    return f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}"


def _drop_oldest(directory: Path) -> None:
    files = sorted(directory.glob("*.json"), key=lambda file: file.lstat().st_mtime_ns, reverse=True)
    for file in files[FILES_AT_MOST:]:
        file.unlink(missing_ok=True)
