"""Where the project's own files are, and how a file is written whole or not at all."""
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
    """Write `text` to `path` by way of a temporary file beside it, so that a reader never sees a half; returns `path`.

    Raises GuardrailsError when the directory cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise GuardrailsError(f"{path}: {error.strerror}", "is the directory writable?") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        # mkstemp makes the file private; a report is as readable as any other file of the user.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def write_json(path: Path, data: Any) -> Path:
    """Write `data` as JSON, whole or not at all; what JSON does not know (dates) becomes a string."""
    return write_text(path, json.dumps(data, indent=1, default=str) + "\n")


def output_directory(given: str | None, verb: str) -> Path:
    """The directory that a run writes into: `given`, or `output/VERB-<UTC time>` under the caller's directory.

    Raises GuardrailsError when it holds something already: another run's results must not be read as this one's.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = Path(given) if given else Path("output") / f"{verb}-{stamp}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise GuardrailsError(
                f"{path} is not empty: what an earlier run left there could be read as this run's",
                "name another directory with -o, or remove it",
            )
    except OSError as error:
        raise GuardrailsError(f"{path}: {error.strerror}", "name a directory that can be written with -o") from None
    return path.resolve()
