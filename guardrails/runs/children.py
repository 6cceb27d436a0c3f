"""Processes that are started for a sweep, each with a connection to the process that started it.

`fork` copies this process, with all that it has loaded; the operating system shares the memory until one of them
changes it. It is safe only in a process with one thread, because another thread may hold a lock that nobody would
release in the copy; and not on macOS, whose own libraries do not work in a copy. Everywhere else `start` starts an
interpreter, which loads what it needs. It inherits nothing but its connection.
"""
from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from typing import NoReturn

from ..collector import collect_rarely

Main = Callable[[Connection], None]
_FAILED = 70
"""The exit code of a child that ended with an error (EX_SOFTWARE in sysexits.h)."""


def can_fork() -> bool:
    """Whether this process may be copied."""
    return sys.platform.startswith("linux") and threading.active_count() == 1


class Child:
    """A process with a connection to this one."""

    def __init__(self, pid: int, connection: Connection, process: subprocess.Popen[bytes] | None) -> None:
        self.pid = pid
        self.connection = connection
        self._process = process
        self._status: int | None = None

    def ended(self, *, wait: bool = False) -> bool:
        """Whether it has ended; with `wait`, wait for that."""
        if self._status is None:
            if self._process:
                self._status = self._process.wait() if wait else self._process.poll()
            else:
                # Another part of this program may have waited for it.
                with suppress(ChildProcessError):
                    pid, status = os.waitpid(self.pid, 0 if wait else os.WNOHANG)
                    if not pid:
                        return False
                    self._status = os.waitstatus_to_exitcode(status)
                    return True
                self._status = _FAILED
        return self._status is not None

    def how(self) -> str:
        """How it ended: `was killed by SIGKILL`. Waits for its end."""
        self.ended(wait=True)
        status = self._status or 0
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with exit code {status}"


def start(main: Main, *, fork: bool, group: bool = False) -> Child:
    """Start a process that calls `main`, a function of a module, with its end of the connection.

    `group`: it leads a process group of its own, so that Ctrl-C on the terminal does not reach it, and one signal
    reaches it and what it starts. Raises OSError.
    """
    ours, theirs = socket.socketpair()
    try:
        if fork:
            pid, process = _forked(main, ours, theirs, group=group), None
        else:
            process = _executed(main, theirs, group=group)
            pid = process.pid
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return Child(pid, Connection(ours.detach()), process)


def _forked(main: Main, ours: socket.socket, theirs: socket.socket, *, group: bool) -> int:
    if pid := os.fork():
        if group:
            with suppress(OSError):  # it has done it itself, or has ended already
                os.setpgid(pid, pid)
        return pid
    # In the copy. Nothing of what the original has open may be closed or written here, so it never returns.
    try:
        if group:
            os.setpgid(0, 0)
        ours.close()
        _begin(main, Connection(theirs.detach()))
    finally:
        os._exit(_FAILED)


def _executed(main: Main, theirs: socket.socket, *, group: bool) -> subprocess.Popen[bytes]:
    number = theirs.fileno()
    # -P: a directory of the current one that is named like this package must not be imported.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, main.__module__, main.__qualname__, str(number)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(number,), process_group=0 if group else None)


def _begin(main: Main, connection: Connection) -> NoReturn:
    """Call `main` as the whole work of this process."""
    # Ctrl-C is for the process that started this one, which then ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        main(connection)
        code = 0
    except SystemExit as error:
        # As Python does it: a message is shown.
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - a copy must not go on as a second original
        traceback.print_exc()
        code = _FAILED
    sys.stderr.flush()
    # Not sys.exit: in a copy, that would end what belongs to the original.
    os._exit(code)


if __name__ == "__main__":
    collect_rarely()
    _begin(getattr(import_module(sys.argv[1]), sys.argv[2]), Connection(int(sys.argv[3])))
