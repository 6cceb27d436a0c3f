"""The sandbox's directory: the state file, the logs, and a lock that tells a live sandbox from a stale file.

The background process holds an exclusive lock as long as it lives, and the system drops it however it dies. So
a state file without the lock is stale, even if another program has got the process id by now.
"""
from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import SandboxError

_HOLD_SECONDS = 2.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class State:
    """A running sandbox: process id, endpoint, start time (ISO 8601, UTC), log file, ministack's id and port."""

    pid: int
    endpoint: str
    started: str
    log: str
    ministack_pid: int
    ministack_port: int


class StateDirectory:
    """The directory of one sandbox, created on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.log = self.path / "sandbox.log"
        self._state = self.path / "state.json"
        self._lock = self.path / "lock"

    def make(self) -> None:
        """Create the directory if it does not exist."""
        self.path.mkdir(parents=True, exist_ok=True)

    def read(self) -> State | None:
        """The running sandbox; None if there is none, even if an outdated file exists."""
        if not self.is_held():
            return None
        try:
            return State(**json.loads(self._state.read_text()))
        except (OSError, ValueError, TypeError):
            return None  # it is still starting, or stopping

    def write(self, state: State) -> None:
        """Write `state` atomically."""
        partial = self._state.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(state), indent=2) + "\n")
        os.replace(partial, self._state)

    def is_held(self) -> bool:
        """Whether a sandbox runs in this directory."""
        try:
            with self._lock.open("r") as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Claim this directory for this process. Raises SandboxError if another sandbox runs in it."""
        self.make()
        with self._lock.open("w") as handle:
            deadline = time.monotonic() + _HOLD_SECONDS
            while True:  # a process that checks the lock holds it for a moment
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise SandboxError(f"another sandbox runs in {self.path}") from error
                    time.sleep(_POLL_SECONDS)
            self._state.unlink(missing_ok=True)
            try:
                yield
            finally:
                self._state.unlink(missing_ok=True)
