"""Where the project's own files are, and how to write a file completely or not at all.

In a checkout they are where the repository has them. The wheel has what the verbs read in `guardrails/_data`, with the
same layout (pyproject.toml says what), so `ROOT` is one of the two. Nothing is ever written below an installed `ROOT`.
"""
from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from .errors import GuardrailsError

_PACKAGED = Path(__file__).resolve().with_name("_data")
INSTALLED = _PACKAGED.is_dir()
"""Whether this is an installed package, and not a checkout."""
ROOT = _PACKAGED if INSTALLED else _PACKAGED.parents[1]
POLICIES = ROOT / "policies"
CONTROLS = ROOT / "controls"
_OUTPUT: ContextVar[Path] = ContextVar("output", default=Path("output"))
PRIVATE_DIRECTORY, PRIVATE_FILE = 0o700, 0o600
PRIVATE_UMASK = 0o077
"""For processes that write below a run's directory."""


def local_directory() -> Path:
    """Where the sandbox keeps its environment and its state: the checkout, else a directory in the user's cache.

    An installed package has one for each Python environment. It can be deleted when no sandbox runs. Raises
    GuardrailsError when the user has no home directory.
    """
    if not INSTALLED:
        return ROOT
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        raise GuardrailsError(
            "this user has no home directory, in which the sandbox could keep its environment",
            "set HOME or XDG_CACHE_HOME to a directory that you can write to") from None
    return cache.absolute() / "aws-guardrails" / hashlib.sha256(sys.prefix.encode()).hexdigest()[:12]


def write_text(path: Path, text: str, *, shared: bool = False) -> Path:
    """Write `text` to `path` through a temporary file, so that a partial file is never read; returns `path`.

    Only the user may read the file (mode 0600): what runs write contains resources, external ids and calls that undo
    fixes. `shared` is for files that belong in a repository; they get the permissions of any other file of the user.

    Raises GuardrailsError when the directory cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise GuardrailsError(f"{path}: {error.strerror}", "check that the directory is writable") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        if shared:  # mkstemp makes the file private
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def write_json(path: Path, data: Any) -> Path:
    """Write `data` as JSON, completely or not at all; unknown types (dates) become strings. Returns `path`."""
    return write_text(path, json_text(data))


def json_text(data: Any) -> str:
    """`data` as a JSON document that ends with a newline; unknown types (dates, paths) become strings."""
    return json.dumps(data, indent=1, default=str) + "\n"


def make_private(directory: Path) -> None:
    """Create the directory if it does not exist, and let only the user enter it (mode 0700).

    The mode of a directory that belongs to another user stays: its owner has chosen it. Raises OSError.
    """
    directory.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    if directory.stat().st_uid == os.geteuid():
        directory.chmod(PRIVATE_DIRECTORY)


def create_private(path: Path) -> None:
    """Create an empty file that only the user may read (mode 0600) if there is none; SQLite's own files copy its mode.

    Raises OSError.
    """
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, PRIVATE_FILE))


def use_output(directory: Path) -> None:
    """Set the directory below which this command writes when no -o is given."""
    _OUTPUT.set(directory)


def output_root() -> Path:
    """The directory below which a command writes when no -o is given."""
    return _OUTPUT.get()


def output_path(given: str | None, verb: str) -> Path:
    """The path of a run's output directory: `given`, or `VERB-<UTC time>` in `output_root`.

    A second run of the same second gets `-2` after the time, and so on.
    """
    if given:
        return Path(given).resolve()
    name = f"{verb}-{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}"
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(path for path in (output_root() / each for each in names) if not path.exists()).resolve()


def output_directory(given: str | None, verb: str, *, new: bool = False) -> Path:
    """Create the output directory of a run, with mode 0700; `output_path` names it.

    A directory that nobody named is this run's alone, also if another run begins in the same second. `new`: `given` is
    such a name. Raises GuardrailsError when the directory is not empty, or with `new` exists: the results of another
    run must not be read as those of this one.
    """
    path = output_path(given, verb)
    try:
        while given is None or new:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.mkdir(mode=PRIVATE_DIRECTORY)
            except FileExistsError:
                if new:
                    raise GuardrailsError(f"{path}: another run began in the same second", "run it again") from None
                path = output_path(None, verb)
            else:
                break
        make_private(path)
        if any(path.iterdir()):
            raise GuardrailsError(
                f"{path} is not empty: files of an earlier run could be read as results of this one",
                "name another directory with -o, or delete this one",
            )
    except OSError as error:
        raise GuardrailsError(f"{path}: {error.strerror}", "name a writable directory with -o") from None
    return path
