"""The names in braces in a policy: parameters of its file, and variables of c7n."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from custom_actions.parameters import placeholders

# Variables that c7n fills in itself, at deployment or when an action runs.
RUNTIME_VARIABLES = frozenset({
    "account", "account_id", "partition", "region", "policy", "event", "op", "action_date", "now", "service",
    "bucket_region", "bucket_name", "source_bucket_name", "source_bucket_region", "target_bucket_name",
    "target_prefix",
})


def used_parameters(data: Mapping[str, Any]) -> set[str]:
    """The names in braces in a policy, except in the defaults themselves; c7n's own variables are included."""
    metadata = {key: value for key, value in (data.get("metadata") or {}).items() if key != "parameters"}
    return placeholders({**data, "metadata": metadata})
