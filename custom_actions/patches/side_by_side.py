"""Reads resources side by side in a sweep: c7n reads the details of two or three resources at once, of buckets ten.

In a sweep that shares responses (ask_once), every pool of threads of c7n and of our filters has at least THREADS. They
make the same calls, and wait for more of them at a time.
"""
from __future__ import annotations

import functools
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from c7n.element import Element
from c7n.manager import ResourceManager

from . import ask_once


def install() -> None:
    """Widen the pools if responses are shared. Calling it again has no effect."""
    if not ask_once.switched_on():
        return
    for owner in (Element, ResourceManager):
        if owner.executor_factory is ThreadPoolExecutor:
            owner.executor_factory = staticmethod(pool)


@functools.wraps(ThreadPoolExecutor, updated=())
def pool(max_workers: int | None = None, *args: Any, **kwargs: Any) -> Executor:
    """A pool of threads: of THREADS at least while responses are shared."""
    if max_workers and ask_once.is_sharing():
        max_workers = max(max_workers, ask_once.THREADS)
    return ThreadPoolExecutor(max_workers, *args, **kwargs)
