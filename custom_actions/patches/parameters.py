"""Default values for the variables of policies, and a guard against unsafe format strings.

c7n replaces variables with the values from `--vars-file` or an account's `vars` in accounts.yml, but has no default
values. Without a value the braces would stay in the policy. So this patch extends `Policy.get_variables`: it uses the
given values, and the defaults in `metadata.parameters` for the others.

c7n replaces variables with Python's format strings, which can read the environment of the process (see `..parameters`).
So a policy is rejected

1. when c7n creates it, before anything is formatted. `custodian`, `c7n-org` and our commands all create policies so;
2. when c7n is about to replace the variables, because the data may have changed in the meantime;
3. when a field reads an attribute or an item of an existing variable, in whatever form;
4. when a value, or doubled braces, would be used as a format string by a filter or an action that formats again.

A deployed function contains the policy with its variables replaced. So there, the first check is the same as the
fourth.
"""
from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.policy import Policy
from c7n.utils import format_string_values, get_partition
from c7n.varfmt import VarFormat

from ..parameters import USE_PLAIN_NAMES, Path, effective, lookups, lookups_after, refusal


def install() -> None:
    """Extend c7n's policies. Calling it again has no effect."""
    if hasattr(Policy.get_variables, "without_defaults"):
        return
    # The formatter is the last check, and is replaced first.
    VarFormat.get_field = _guarded(VarFormat.get_field)
    Policy.__init__ = _checked(Policy.__init__)
    Policy.get_variables = _with_defaults(Policy.get_variables)
    Policy.expand_variables = _expanded(Policy.expand_variables)


def _checked(original: Any) -> Any:
    @functools.wraps(original)
    def init(self: Policy, data: Any, options: Any, session_factory: Any = None) -> None:
        if isinstance(data, Mapping):
            filled_in = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
            _refuse(data, lookups_after(data) if filled_in else lookups(data))
        original(self, data, options, session_factory)

    return init


def _with_defaults(original: Any) -> Any:
    @functools.wraps(original)
    def get_variables(self: Policy, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        region, account = self.options.region, self.options.account_id
        standard = {"account_id": account, "region": region, "partition": get_partition(region)}
        defaults = format_string_values(
            dict((self.data.get("metadata") or {}).get("parameters") or {}), formatter=VarFormat().format, **standard)
        # A copy, because c7n adds to the mapping, and c7n-org passes the same mapping to every policy.
        return dict(original(self, effective(self.name, defaults, variables or {})))

    get_variables.without_defaults = original  # type: ignore[attr-defined]
    return get_variables


def _expanded(original: Any) -> Any:
    @functools.wraps(original)
    def expand_variables(self: Policy, variables: Any) -> None:
        _refuse(self.data, lookups(self.data))
        original(self, variables)
        _refuse(self.data, lookups_after(self.data))

    return expand_variables


def _guarded(original: Any) -> Any:
    @functools.wraps(original)
    def get_field(self: VarFormat, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        root = re.split(r"[.\[]", field_name, maxsplit=1)[0]
        if root != field_name and root in kwargs:
            raise PolicyValidationError(f"{{{field_name}}} reads an attribute or an item of a variable; "
                                        f"{USE_PLAIN_NAMES}")
        return original(self, field_name, args, kwargs)

    return get_field


def _refuse(data: Mapping[str, Any], found: Iterable[tuple[Path, str]]) -> None:
    """Raise PolicyValidationError for the first problem, if there is one."""
    for path, problem in found:
        raise refusal(str(data.get("name")), path, problem)
