"""Writes a file row by row, and still completely or not at all."""
from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ...errors import GuardrailsError


@contextmanager
def whole(path: Path) -> Iterator[TextIO]:
    """A UTF-8 stream into a temporary file next to `path`, which replaces `path` when the block ends without error.

    Line ends are written unchanged. Raises GuardrailsError when the file cannot be written. After any error no new
    file exists, and an old one is unchanged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise GuardrailsError(f"{path}: {error.strerror}", "check that the directory is writable") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            yield stream
        # mkstemp makes the file private; a report gets the permissions of any other file of the user.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise not_written(path, error) from None
        raise


def not_written(path: Path, error: OSError) -> GuardrailsError:
    """The error about a file that the system does not write."""
    return GuardrailsError(f"{path}: {error.strerror or error}", "check that the disk is not full")
