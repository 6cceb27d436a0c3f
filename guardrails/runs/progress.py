"""How far a run is, and who shows it: the command line does on a terminal, and nobody in a pipe."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    started: int
    """(account, region, policy) that c7n-org has come to."""
    throttled: int
    """Refusals for the number of calls, as far as c7n-org has logged them."""


Advance = Callable[[Progress], None]
ShowProgress = Callable[[str, int], AbstractContextManager[Advance]]
"""Takes what is done (`sweeping`) and the number of (account, region, policy); yields what is told of progress."""


@contextmanager
def without_progress(what: str, total: int) -> Iterator[Advance]:
    """Shows nothing."""
    yield lambda progress: None
