"""Lets botocore do some work once in a process of the tests instead of for each client or request, with equal results.

Thousands of tests make sessions and clients of their own, because one of another test could have its handlers.
"""
from __future__ import annotations

import functools
from typing import Any

from botocore import hooks, useragent
from botocore.client import ClientCreator


def install() -> None:
    """Put this in place, once in a process."""
    _clean_each_word_once()
    _alias_each_event_once()
    _make_methods_once()


def _clean_each_word_once() -> None:
    """Each request cleans all words of its User-Agent, which are the same ones every time."""
    useragent.sanitize_user_agent_string_component = functools.lru_cache(maxsize=4096)(
        useragent.sanitize_user_agent_string_component)


def _alias_each_event_once() -> None:
    """Each client finds out again which events have older names."""
    known: dict[str, str] = {}
    original = hooks.EventAliaser.__init__

    def init(aliaser: Any, emitter: Any, aliases: Any = None) -> None:
        original(aliaser, emitter, aliases)
        if aliaser._event_aliases == hooks.EVENT_ALIASES:
            aliaser._alias_name_cache = known

    hooks.EventAliaser.__init__ = init


def _make_methods_once() -> None:
    """Each client makes a class, with a method for each operation. What handlers add to a class is left to them."""
    made: dict[tuple[str, str], dict[str, Any]] = {}
    original = ClientCreator._create_methods

    def create(creator: Any, model: Any) -> dict[str, Any]:
        key = (model.service_name, model.api_version)
        if key not in made:
            made[key] = original(creator, model)
        return dict(made[key])

    ClientCreator._create_methods = create
