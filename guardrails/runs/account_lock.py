"""Only one heal or rollback at a time may change an account, as far as one machine can tell.

Each account has a file in the state directory of the user. A heal or a rollback holds a lock (flock) on it. The
operating system releases the lock when the process ends, however it ends, so the file of a killed process does not
block the next one. A copy of the process, such as that of a sweep's workers, does not hold it.
"""
from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import GuardrailsError
from ..paths import PRIVATE_FILE, make_private

_POLL_SECONDS = 0.5
_LARGEST = 4096
_held: set[int] = set()
"""The locks that this process holds: open files."""


def _let_go() -> None:
    """In a process that is a copy of this one: close its copies, or the lock would last as long as the copy."""
    while _held:
        with suppress(OSError):
            os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go)


@dataclass(frozen=True)
class LockHolder:
    """The process that holds the lock of an account."""

    pid: int
    directory: str
    """The output directory of its heal or rollback."""
    started: str
    """ISO 8601, UTC."""


@contextmanager
def locked_accounts(
    accounts: Iterable[str], directory: Path, *, wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the locks of these accounts.

    Args:
        accounts: the ids of the accounts.
        directory: the output directory of this heal or rollback, for the error message of another one.
        wait: called once with a message if an account is locked; then this waits. None to raise instead.

    Raises GuardrailsError if another heal or rollback works on one of the accounts, or if the state directory is not
    writable.
    """
    held: list[int] = []
    try:
        # In the same order in every process, so that two of them cannot wait for each other.
        for account in sorted(set(accounts)):
            held.append(_lock(account, directory, wait))
            _held.add(held[-1])
        yield
    finally:
        for descriptor in held:
            _held.discard(descriptor)
            os.ftruncate(descriptor, 0)
            os.close(descriptor)


def lock_holder(account: str) -> LockHolder | None:
    """The process that holds the lock of the account now; None if it is free."""
    try:
        descriptor = os.open(_path(account), os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _lock(account: str, directory: Path, wait: Callable[[str], None] | None) -> int:
    path = _path(account)
    holder = LockHolder(os.getpid(), str(directory), datetime.now(UTC).isoformat(timespec="seconds"))
    descriptor = -1
    try:
        make_private(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
        _acquire(descriptor, account, wait)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
    except BaseException as error:
        if descriptor >= 0:
            os.close(descriptor)
        if isinstance(error, OSError):
            raise GuardrailsError(
                f"{path}: {error.strerror}: heal and rollback lock each account there",
                "set XDG_STATE_HOME to a writable directory") from None
        raise
    return descriptor


def _acquire(descriptor: int, account: str, wait: Callable[[str], None] | None) -> None:
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = _holder(descriptor)
            who = (f"process {holder.pid}, since {holder.started}, into {holder.directory}" if holder
                   else "a process that has just started")
            problem = f"another heal or rollback works on account {account}: {who}"
            if wait is None:
                raise GuardrailsError(problem, "wait until it has ended, or add --wait") from None
        if not told:
            wait(problem)
            told = True
        time.sleep(_POLL_SECONDS)


def _holder(descriptor: int) -> LockHolder | None:
    try:
        return LockHolder(**json.loads(os.pread(descriptor, _LARGEST, 0)))
    except (ValueError, TypeError):
        return None


def _path(account: str) -> Path:
    """The lock file of the account. The accounts of a local AWS are not those of AWS, although the ids may be equal."""
    state = os.environ.get("XDG_STATE_HOME")
    place = Path(state) if state and Path(state).is_absolute() else Path.home() / ".local" / "state"
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    cloud = f"-{hashlib.sha256(endpoint.encode()).hexdigest()[:8]}" if endpoint else ""
    return place / "aws-guardrails" / f"heal-{account}{cloud}.lock"
