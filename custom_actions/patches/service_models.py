"""botocore's descriptions of the services, read once in a process.

c7n makes a session in every thread of every policy, and each would read them from disk anew: a quarter of a second for
a client instead of a hundredth, in a function's cold start above all.
"""
from __future__ import annotations

import functools
from typing import Any

import botocore.session


class _Once(list[str]):
    """Search paths. Every session of boto3 appends its own, and they would grow with the sessions."""

    def append(self, path: str) -> None:
        if path not in self:
            super().append(path)


def read_once() -> None:
    """Have all sessions of this process share one loader for each search path, where botocore lets us.

    Doing it again changes nothing.
    """
    from .seam import install

    install("service_models")


def install() -> None:
    """Put a loader that is shared in the place of botocore's; doing it again changes nothing."""
    original = botocore.session.create_loader
    if hasattr(original, "cache_info"):
        return

    @functools.cache
    def create_loader(search_path_string: str | None = None) -> Any:
        loader = original(search_path_string)
        # Lambda's botocore is nobody's to pin: without this name the paths grow, and that is all.
        if hasattr(loader, "_search_paths"):
            loader._search_paths = _Once(loader._search_paths)
        return loader

    botocore.session.create_loader = create_loader
