"""Defaults for the variables of policies.

c7n fills in variables from `--vars-file` or an account's `vars` in accounts.yml, but has no defaults: without a value
the braces would stay. So this patch extends `Policy.get_variables`: first the defaults in `metadata.parameters`, then
the given values.
"""
from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from c7n.policy import Policy
from c7n.utils import format_string_values, get_partition
from c7n.varfmt import VarFormat

from ..parameters import effective


def install() -> None:
    """Extend c7n's policies. Calling it again has no effect."""
    original = Policy.get_variables
    if hasattr(original, "without_defaults"):
        return

    @functools.wraps(original)
    def get_variables(self: Policy, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        region, account = self.options.region, self.options.account_id
        standard = {"account_id": account, "region": region, "partition": get_partition(region)}
        defaults = format_string_values(
            dict((self.data.get("metadata") or {}).get("parameters") or {}), formatter=VarFormat().format, **standard)
        # A copy, because c7n adds to the mapping, and c7n-org passes the same mapping to every policy.
        return dict(original(self, effective(self.name, defaults, variables or {})))

    get_variables.without_defaults = original  # type: ignore[attr-defined]
    Policy.get_variables = get_variables
