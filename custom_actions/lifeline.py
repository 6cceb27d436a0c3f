"""Ends a process together with the run that started it, even if the run is killed with `kill -9`.

c7n-org and its workers must not go on changing resources when the command that started them is gone. So a run creates
a FIFO (a named pipe), and keeps it open for writing as long as it lives. The operating system closes it when the run
ends, however it ends. Each process of the run opens the FIFO for reading: the read returns when the writer is gone, and
then the process ends at once.

It is a path and not an inherited file descriptor, because workers that are started with spawn or forkserver inherit
none. It is not Linux's PR_SET_PDEATHSIG, because that is about the thread that started the process, is not inherited,
and does not exist on macOS.

`custom_actions._autoload` calls `watch` in every interpreter of the environment. Only processes of a run have VARIABLE.
"""
from __future__ import annotations

import os
import threading

VARIABLE = "GUARDRAILS_LIFELINE"
"""The environment variable with the path of the FIFO."""
EXIT_CODE = 75
"""The exit code of a process whose run has ended (EX_TEMPFAIL in sysexits.h)."""


def watch() -> None:
    """End this process, and every process that it forks, as soon as the run has ended."""
    _start()
    # A forked process has none of the threads of its parent.
    os.register_at_fork(after_in_child=_start)


def _start() -> None:
    path = os.environ.get(VARIABLE)
    if not path:
        return
    try:
        # Without O_NONBLOCK, this would wait for ever if the run has already ended.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        os._exit(EXIT_CODE)  # The run has ended and removed the FIFO.
    if _closed(descriptor):
        os._exit(EXIT_CODE)
    os.set_blocking(descriptor, True)
    threading.Thread(target=_wait, args=(descriptor,), name="lifeline", daemon=True).start()


def _closed(descriptor: int) -> bool:
    """Whether nobody has the FIFO open for writing."""
    try:
        return not os.read(descriptor, 1)
    except BlockingIOError:
        return False


def _wait(descriptor: int) -> None:
    """Wait until the run ends, then end this process. Not by an exception: the main thread may be in a long call."""
    try:
        os.read(descriptor, 1)
    finally:
        os._exit(EXIT_CODE)
