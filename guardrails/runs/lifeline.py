"""The run's end of its lifeline: the FIFO that ends c7n-org and its workers when this process ends, however it ends."""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from custom_actions.lifeline import VARIABLE

from ..paths import PRIVATE_FILE

_writers: set[int] = set()
"""The open lifelines of this process."""


def _let_go() -> None:
    """In a process that is a copy of this one: close its copies, or the lifeline would last as long as the copy."""
    while _writers:
        with suppress(OSError):
            os.close(_writers.pop())


os.register_at_fork(after_in_child=_let_go)


@contextmanager
def lifeline(directory: Path) -> Iterator[Mapping[str, str]]:
    """Hold the lifeline of this process's children. Yields the variables to add to their environment.

    `directory` gets the FIFO. Children that still run when the context ends are ended, too. Raises OSError.
    """
    path = directory / "lifeline"
    os.mkfifo(path, PRIVATE_FILE)
    # A FIFO can be opened for writing only while somebody reads it.
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    # Python closes it in every program that it starts, and `_let_go` in every copy, so this process is the only writer.
    writing = os.open(path, os.O_WRONLY)
    _writers.add(writing)
    os.close(reading)
    try:
        yield {VARIABLE: str(path)}
    finally:
        _writers.discard(writing)
        os.close(writing)
