"""Whether c7n accepts policies, for verbs that would run them: what it has accepted before is not asked again.

Only "accepted" is stored. c7n checks every policy once more when it runs it, so a stored verdict saves time and decides
nothing: without it, one policy that c7n refuses would end all others of its account and region.
"""
from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .verdict_key import NotKnown, digest, environment, foreign_modules
from .verdict_store import VerdictStore


def invalid_policies(policies: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[int, str, str]]:
    """The policies that c7n would reject: the position of each, the problem, and how to fix it.

    `policies`: the resource type with its provider, and the policy as it would run. The verdicts are stored when the
    iterator has ended.
    """
    before = frozenset(sys.modules)
    try:
        key = environment()
        store = VerdictStore.open(key)
    except NotKnown:
        key, store = "", VerdictStore()
    for index, (resource, data) in enumerate(policies):
        own = digest("policy", resource, repr(data))
        if store.recall(own, _accepted):
            continue
        from .engine import policy_problems  # imports c7n

        problems = policy_problems(data, resource)
        for problem in problems:
            yield index, problem.problem, problem.fix
        if not problems:
            store.remember(own, True)
    try:
        if key and key == environment() and not foreign_modules(before):
            store.save()
    except NotKnown:
        return


def _accepted(stored: Any) -> bool:
    if stored is not True:
        raise TypeError(stored)
    return True
