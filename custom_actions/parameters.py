"""Parameters of policies: defaults at the top of a policy file, which c7n-org's `vars` override for an account.

A policy has `"{access_key_max_age_days}"` where the value goes, and the defaults of its file in `metadata.parameters`.
A value of another type than the default is an error, because the policy would silently match nothing.
`patches/parameters.py` makes c7n fill in the values.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from c7n.exceptions import PolicyValidationError

_PLACEHOLDER = re.compile(r"(?<!\{)\{([a-z][a-z0-9_]*)\}(?!\})")


def effective(policy: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values to fill in: those in `given`, and `defaults` for the others.

    Raises PolicyValidationError when a given value has another type than its default.
    """
    for name in defaults.keys() & given.keys():
        if (wanted := kind_of(defaults[name])) != (kind := kind_of(given[name])):
            raise PolicyValidationError(
                f"policy:{policy} the variable {name} must be {wanted}, like its default {defaults[name]!r}; "
                f"got {kind}: {given[name]!r}"
            )
    return {**defaults, **given}


def kind_of(value: Any) -> str:
    """The type of a value, in words."""
    if isinstance(value, bool):
        return "true or false"
    for kinds, name in (((int, float), "a number"), ((str,), "a string"), ((list, tuple), "a list"),
                        ((dict,), "a mapping")):
        if isinstance(value, kinds):
            return name
    return "nothing"


def placeholders(data: Any) -> set[str]:
    """The names in braces in the strings of `data`, such as `max_age` in `"{max_age}"`; not those in doubled braces."""
    if isinstance(data, Mapping):
        return {name for value in data.values() for name in placeholders(value)}
    if isinstance(data, list | tuple):
        return {name for value in data for name in placeholders(value)}
    return set(_PLACEHOLDER.findall(data)) if isinstance(data, str) else set()
