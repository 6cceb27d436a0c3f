"""Where the project's own files are, and how to write a file completely or not at all."""
from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .errors import GuardrailsError

ROOT = Path(__file__).resolve().parents[1]
POLICIES = ROOT / "policies"
CONTROLS = ROOT / "controls"


def write_text(path: Path, text: str) -> Path:
    """Write `text` to `path` through a temporary file, so that a partial file is never read; returns `path`.

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
        # mkstemp makes the file private; a report gets the permissions of any other file of the user.
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
    return write_text(path, json.dumps(data, indent=1, default=str) + "\n")


def output_directory(given: str | None, verb: str) -> Path:
    """The output directory of a run: `given`, or `output/VERB-<UTC time>` in the current directory.

    Raises GuardrailsError when it is not empty: the results of another run must not be read as those of this one.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = Path(given) if given else Path("output") / f"{verb}-{stamp}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise GuardrailsError(
                f"{path} is not empty: files of an earlier run could be read as results of this one",
                "name another directory with -o, or delete this one",
            )
    except OSError as error:
        raise GuardrailsError(f"{path}: {error.strerror}", "name a writable directory with -o") from None
    return path.resolve()
