"""Parameters of policies: a default at the head of the file, and c7n-org's `vars` over it.

A policy says `"{access_key_max_age_days}"` where the value goes, and carries the defaults of its file in
`metadata.parameters`. A value of another kind than the default's is refused, for a policy would quietly match nothing
with it. `patches/parameters.py` has c7n fill them in.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from c7n.exceptions import PolicyValidationError

_PLACEHOLDER = re.compile(r"(?<!\{)\{([a-z][a-z0-9_]*)\}(?!\})")


def effective(policy: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values to fill in: `given` over `defaults`.

    Raises PolicyValidationError when a given value is of another kind than its default.
    """
    for name in defaults.keys() & given.keys():
        if (wanted := kind_of(defaults[name])) != (kind := kind_of(given[name])):
            raise PolicyValidationError(
                f"policy:{policy} the variable {name} is {kind} ({given[name]!r}), and must be {wanted}, "
                f"as the default {defaults[name]!r} is"
            )
    return {**defaults, **given}


def kind_of(value: Any) -> str:
    """What kind of value it is, in words."""
    if isinstance(value, bool):
        return "true or false"
    for kinds, name in (((int, float), "a number"), ((str,), "a text"), ((list, tuple), "a list"),
                        ((dict,), "a mapping")):
        if isinstance(value, kinds):
            return name
    return "nothing"


def placeholders(data: Any) -> set[str]:
    """The names in braces in any string of `data`, such as `max_age` in `"{max_age}"`; doubled braces are text."""
    if isinstance(data, Mapping):
        return {name for value in data.values() for name in placeholders(value)}
    if isinstance(data, list | tuple):
        return {name for value in data for name in placeholders(value)}
    return set(_PLACEHOLDER.findall(data)) if isinstance(data, str) else set()
