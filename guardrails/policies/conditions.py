"""Whether a policy's own conditions hold in an account: a policy that they keep from running writes nothing at all."""
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
    """Whether c7n would run the policy there; `variables` are what accounts.yml says for the account.

    Also true when it cannot be told from here: what a condition fetches from elsewhere is not asked for.
    """
    conditions = policy.data.get("conditions") or ()
    if any("value_from" in str(condition) for condition in conditions):
        return True
    resource_class(policy.resource)
    # The rest of the policy says nothing of it, and would only take time to load.
    data = {key: value for key, value in policy.data.items() if key not in ("filters", "actions")}
    made = EnginePolicy(deepcopy(data), Config.empty(region=region, account_id=account))
    try:
        made.expand_variables(made.get_variables(dict(variables)))
        made.conditions.validate()
        return bool(made.is_runnable())
    except PolicyValidationError:
        return True
