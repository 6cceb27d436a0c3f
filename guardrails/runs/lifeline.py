"""The run's end of its lifeline: the FIFO that ends c7n-org and its workers when this process ends, however it ends."""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from custom_actions.lifeline import VARIABLE

from ..paths import PRIVATE_FILE


@contextmanager
def lifeline(directory: Path) -> Iterator[Mapping[str, str]]:
    """Hold the lifeline of this process's children. Yields the variables to add to their environment.

    `directory` gets the FIFO. Children that still run when the context ends are ended, too. Raises OSError.
    """
    path = directory / "lifeline"
    os.mkfifo(path, PRIVATE_FILE)
    # A FIFO can be opened for writing only while somebody reads it.
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    # Python closes it in every child, so this process is the only writer.
    writing = os.open(path, os.O_WRONLY)
    os.close(reading)
    try:
        yield {VARIABLE: str(path)}
    finally:
        os.close(writing)
