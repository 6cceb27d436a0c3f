"""Every policy takes up the exceptions that speak of it.

An exception that a policy's author has to write into the policy is forgotten in the next one, and an exception that
only a report knows of does not keep a function from "fixing" what was to stay. So the filter `excepted` is appended to
each policy that a rule of the file speaks of, when c7n fills in the policy's variables: plain `custodian`, plain
`c7n-org` and our own verbs all pass there, before they run a policy and before they deploy it. From then on the rules
are a part of the policy, and travel into the function with it.
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
    """Let c7n's policies take up the exceptions when they fill in variables; doing it again changes nothing."""
    original = Policy.expand_variables
    if hasattr(original, "without_exceptions"):
        return

    @functools.wraps(original)
    def expand_variables(self: Policy, variables: Any) -> None:
        # A reason may hold braces, which are no variables: the rules go in after the expansion, and out before another.
        if (before := getattr(self, "_exceptions", None)) is not None:
            self.data["filters"] = [entry for entry in self.data["filters"] if entry != before]
        original(self, variables)
        self._exceptions = _append(self, datetime.now(UTC))

    expand_variables.without_exceptions = original  # type: ignore[attr-defined]
    Policy.expand_variables = expand_variables


def _append(policy: Policy, now: datetime) -> dict[str, Any] | None:
    """Append the filter with the rules that concern the policy; returns it, or None when no rule does."""
    manager = policy.resource_manager
    if policy.provider_name != "aws":
        return None
    mode = policy.data.get("mode")
    # With a member role, one function looks into many accounts, and learns from the event into which.
    account = None if (mode or {}).get("member-role") else str(policy.options.account_id)
    rules = rules_for(policy.name, account, now)
    if not rules:
        return None
    entry = {"type": TYPE, "exceptions": [rule.to_dict() for rule in rules]}
    policy.data["filters"] = [*(policy.data.get("filters") or ()), entry]
    if mode:
        # A function knows the filter only with our package and by our entry.
        mode["packages"] = [*dict.fromkeys([*(mode.get("packages") or ()), _PACKAGE])]
        mode.setdefault("handler", _HANDLER)
    # To the manager that there is: a new one would lose what c7n has just carried over to its actions.
    manager.filters.append(manager.filter_registry.factory(entry, manager))
    return entry
