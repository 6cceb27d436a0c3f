"""The functions' own Python environment, `.venv-lambda`.

A deployed function is run by ministack's interpreter, so it sees that interpreter's packages. Were it the
project's own environment, an archive that lacks a module would still find it there and a test would prove
nothing. This environment holds exactly what `requirements/lambda.lock` names.
"""
from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..paths import ROOT, local_directory
from .errors import RuntimeNotReady

_MADE_FROM = "made-from"
_LOG_TAIL_LINES = 6


def ensure_runtime(directory: Path | None = None, lock: Path = ROOT / "requirements" / "lambda.lock") -> Path:
    """Create `.venv-lambda` in `directory` if it is missing or outdated, and return its interpreter.

    `directory` is the checkout by default, or the user's cache (paths.local_directory); `lock` says what to install.

    Stale means made from another lock file, by another Python, or half-made. Takes a minute, once, and needs
    the package index then. Two callers at once make it once. Raises RuntimeNotReady; nothing half-made stays.
    """
    directory = directory or local_directory()
    if not lock.is_file():
        raise RuntimeNotReady(f"{lock} is missing: install aws-guardrails again, or restore it in the checkout")
    wanted = _fingerprint(lock)
    target = directory / ".venv-lambda"
    if not _is_current(target, wanted):
        with _one_at_a_time(directory / ".sandbox" / "runtime.lock"):
            if not _is_current(target, wanted):
                _make(target, lock, wanted)
    return target / "bin" / "python"


def _fingerprint(lock: Path) -> str:
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    return f"{digest} {sys.implementation.name} {sys.version.split()[0]}\n"


def _is_current(target: Path, wanted: str) -> bool:
    try:
        made_from = (target / _MADE_FROM).read_text()
    except OSError:
        return False
    return made_from == wanted and os.access(target / "bin" / "python", os.X_OK)


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:  # closing it releases the lock
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make(target: Path, lock: Path, wanted: str) -> None:
    shutil.rmtree(target, ignore_errors=True)
    try:
        _run([sys.executable, "-m", "venv", str(target)], f"could not make {target}")
        python = str(target / "bin" / "python")
        _run(
            [python, "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
             "--require-hashes", "-r", str(lock)],
            f"could not install {lock} into {target}; is the package index reachable (pip's settings, a proxy)?",
        )
        # The last step: after an interrupted run the file is missing, and the environment is created again.
        (target / _MADE_FROM).write_text(wanted)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def _run(command: list[str], complaint: str) -> None:
    # pip would accept a checkout on PYTHONPATH, which is missing when a function runs.
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME"}}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_LOG_TAIL_LINES:])
        raise RuntimeNotReady(f"{complaint}\n{tail}")
