"""Adds the exceptions that apply to a policy to the policy itself.

If authors had to write exceptions into their policies, they would forget some. If only reports applied exceptions,
functions would still "fix" the excepted resources. So this patch appends the filter `excepted` to every policy that has
exceptions, when c7n fills in the policy's variables. `custodian`, `c7n-org` and our own commands all do that before
they run or deploy a policy. The exceptions are then part of the policy, and of its function.
"""
from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

from c7n.policy import Policy

from ..exceptions import TYPE, rules_for

_PACKAGE = "custom_actions"
_HANDLER = "custom_actions.lambda_entry.run"


def install() -> None:
    """Add exceptions to c7n's policies when their variables are filled in. Calling it again has no effect."""
    original = Policy.expand_variables
    if hasattr(original, "without_exceptions"):
        return

    @functools.wraps(original)
    def expand_variables(self: Policy, variables: Any) -> None:
        # A reason may contain braces that are not variables. So the rules are added after the expansion, and removed
        # before the next one.
        if (before := getattr(self, "_exceptions", None)) is not None:
            self.data["filters"] = [entry for entry in self.data["filters"] if entry != before]
        original(self, variables)
        self._exceptions = _append(self, datetime.now(UTC))

    expand_variables.without_exceptions = original  # type: ignore[attr-defined]
    Policy.expand_variables = expand_variables


def _append(policy: Policy, now: datetime) -> dict[str, Any] | None:
    """Append the filter with the rules that apply to the policy. Returns the filter, or None without such rules."""
    manager = policy.resource_manager
    if policy.provider_name != "aws":
        return None
    mode = policy.data.get("mode")
    # With a member role, one function checks many accounts. The event says which one.
    account = None if (mode or {}).get("member-role") else str(policy.options.account_id)
    rules = rules_for(policy.name, account, now)
    if not rules:
        return None
    entry = {"type": TYPE, "exceptions": [rule.to_dict() for rule in rules]}
    policy.data["filters"] = [*(policy.data.get("filters") or ()), entry]
    if mode:
        # A function has the filter only if it contains our package and uses our handler.
        mode["packages"] = [*dict.fromkeys([*(mode.get("packages") or ()), _PACKAGE])]
        mode.setdefault("handler", _HANDLER)
    # Added to the existing manager: a new one would lose what c7n has just passed to its actions.
    manager.filters.append(manager.filter_registry.factory(entry, manager))
    return entry
