"""A read that runs beside the next call, where neither needs the other's answer. Each saves one round trip to AWS."""
from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import cache
from typing import Generic, TypeVar

_Read = TypeVar("_Read")


@cache
def _threads() -> ThreadPoolExecutor:
    # c7n's sessions belong to a thread, so what is read here must bring its client along.
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="ahead")


class Ahead(Generic[_Read]):
    """The answer of `read`, which has begun.

    Whoever makes one must `settle` it before the function returns: Lambda stops the process then, in the middle of a
    call, and goes on with it minutes later.
    """

    def __init__(self, read: Callable[[], _Read]) -> None:
        self._answered = 0.0
        self._future: Future[_Read] = _threads().submit(copy_context().run, self._timed, read)

    def _timed(self, read: Callable[[], _Read]) -> _Read:
        try:
            return read()
        finally:
            self._answered = time.monotonic()

    def answer(self) -> _Read:
        """The answer, when it is there. Raises what `read` raises."""
        return self._future.result()

    def age(self) -> float:
        """Seconds since the answer came."""
        self.settle()
        return time.monotonic() - self._answered

    def settle(self) -> None:
        """Wait for the end of the read; an error is not raised."""
        wait([self._future])
