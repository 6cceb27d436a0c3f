"""The progress of a run. The command line shows it on a terminal; in a pipe it is not shown."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a run has come."""

    started: int
    """How many (account, region, policy) c7n-org has started."""
    throttled: int
    """How many throttling errors c7n-org has logged."""


Advance = Callable[[Progress], None]
ShowProgress = Callable[[str, int], AbstractContextManager[Advance]]
"""Takes a label (`sweeping`) and the number of (account, region, policy); yields the function to call with progress."""


def out_of(total: int, show: ShowProgress) -> ShowProgress:
    """`show` for a run that does only the rest of its `total`: it counts what was done before as well."""

    @contextmanager
    def shown(what: str, left: int) -> Iterator[Advance]:
        with show(what, total) as advance:
            advance(Progress(total - left, 0))
            yield lambda progress: advance(Progress(total - left + progress.started, progress.throttled))

    return shown


def unseen(progress: Progress) -> None:
    """Show no progress: an Advance."""


@contextmanager
def without_progress(what: str, total: int) -> Iterator[Advance]:
    """Show no progress: a ShowProgress."""
    yield unseen
