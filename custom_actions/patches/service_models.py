"""Reads botocore's service models only once in a process.

c7n creates a session in every thread of every policy, and each would read the models from disk again. Creating a client
then takes a quarter of a second instead of a hundredth, which matters most in a function's cold start.
"""
from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.exceptions import DataNotFoundError


class _Once(list[str]):
    """Search paths without duplicates. Every boto3 session appends its own path, so the list would grow."""

    def append(self, path: str) -> None:
        if path not in self:
            super().append(path)


class _Services:
    """The services that have a model of one type: whether one is among them is answered from its own directory."""

    def __init__(self, loader: Any, type_name: str) -> None:
        self._loader, self._type_name = loader, type_name

    def __contains__(self, service: str) -> bool:
        try:
            return bool(self._loader.list_api_versions(service, self._type_name))
        except DataNotFoundError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(self._loader.list_available_services(self._type_name))


class _ForModels:
    """A loader, for its own function that loads a model.

    That function reads the directories of all 400 services, only to ask whether one service is among them: 20 ms in
    every process, and in every cold start of a function.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def list_available_services(self, type_name: str) -> _Services:
        return _Services(self._loader, type_name)


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
        loader.load_service_model = functools.partial(type(loader).load_service_model, _ForModels(loader))
        return loader

    botocore.session.create_loader = create_loader
