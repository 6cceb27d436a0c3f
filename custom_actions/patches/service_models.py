"""Reads botocore's service models only once in a process.

c7n creates a session in every thread of every policy, and each would read the models from disk again. Creating a client
then takes a quarter of a second instead of a hundredth, which matters most in a function's cold start.
"""
from __future__ import annotations

import functools
from typing import Any

import botocore.session


class _Once(list[str]):
    """Search paths without duplicates. Every boto3 session appends its own path, so the list would grow."""

    def append(self, path: str) -> None:
        if path not in self:
            super().append(path)


def install() -> None:
    """Make all sessions of this process share one loader for each search path. Calling it again has no effect."""
    original = botocore.session.create_loader
    if hasattr(original, "cache_info"):
        return

    @functools.cache
    def create_loader(search_path_string: str | None = None) -> Any:
        loader = original(search_path_string)
        # Lambda's botocore is not pinned. Without this name the search paths grow, which does no harm.
        if hasattr(loader, "_search_paths"):
            loader._search_paths = _Once(loader._search_paths)
        return loader

    botocore.session.create_loader = create_loader
