"""Parameters of policies: a default at the head of the file, and c7n-org's `vars` over it.

A policy says `"{access_key_max_age_days}"` where the value goes, and carries the defaults of its file in
`metadata.parameters`. c7n fills in what `--vars-file` or an account's `vars` in accounts.yml give; without them it
would leave the braces, for it has no defaults. So `Policy.get_variables` is extended here: the defaults, then what was
given. A value of another kind than the default's is refused, for a policy would quietly match nothing with it.
"""
from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.policy import Policy
from c7n.utils import format_string_values, get_partition
from c7n.varfmt import VarFormat

_PLACEHOLDER = re.compile(r"(?<!\{)\{([a-z][a-z0-9_]*)\}(?!\})")


def install() -> None:
    """Extend c7n's policies; doing it again changes nothing."""
    original = Policy.get_variables
    if hasattr(original, "without_defaults"):
        return

    @functools.wraps(original)
    def get_variables(self: Policy, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        region, account = self.options.region, self.options.account_id
        standard = {"account_id": account, "region": region, "partition": get_partition(region)}
        defaults = format_string_values(
            dict((self.data.get("metadata") or {}).get("parameters") or {}), formatter=VarFormat().format, **standard)
        # A copy: c7n adds to what it is given, and c7n-org gives every policy the same.
        return dict(original(self, effective(self.name, defaults, variables or {})))

    get_variables.without_defaults = original  # type: ignore[attr-defined]
    Policy.get_variables = get_variables


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
