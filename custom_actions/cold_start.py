"""Python's garbage collector while a function starts.

Nearly everything that is made then stays: modules, botocore's models, policies. The collector looks through all of it
again and again, which takes an eighth of a cold start, and finds nothing. So it runs rarely until the first event is
handled, and afterwards no longer looks at what was made until then.
"""
from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

_RARELY = (200_000, 50, 50)
"""Some 50 MiB of garbage at most. A function's memory is 256 MiB or more."""
_usual: list[tuple[int, int, int]] = []


def collect_rarely() -> None:
    """Let the garbage collector run rarely until the first event is handled; no effect outside of a function."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ and not _usual:
        _usual.append(gc.get_threshold())
        gc.set_threshold(*_RARELY)


@contextmanager
def handling() -> Iterator[None]:
    """The time in which an event is handled. The first time ends the start."""
    try:
        yield
    finally:
        if _usual and gc.get_threshold() == _RARELY:
            gc.freeze()
            gc.set_threshold(*_usual[0])
