"""Whether the conditions of a policy allow it to run in an account. A policy that does not run writes no output."""
from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from c7n.config import Config
from c7n.exceptions import PolicyValidationError
from c7n.policy import Policy as EnginePolicy

from .engine import resource_class
from .policy import Policy


def conditions_hold(policy: Policy, *, account: str, region: str, variables: Mapping[str, Any]) -> bool:
    """Whether c7n would run the policy there; `variables` are those of the account in accounts.yml.

    Also True when it cannot be decided here: data that a condition would fetch (`value_from`) is not fetched.
    """
    conditions = policy.data.get("conditions") or ()
    if any("value_from" in str(condition) for condition in conditions):
        return True
    resource_class(policy.resource)
    # Filters and actions do not matter here, and would take time to load.
    data = {key: value for key, value in policy.data.items() if key not in ("filters", "actions")}
    loaded = EnginePolicy(deepcopy(data), Config.empty(region=region, account_id=account))
    try:
        loaded.expand_variables(loaded.get_variables(dict(variables)))
        loaded.conditions.validate()
        return bool(loaded.is_runnable())
    except PolicyValidationError:
        return True
