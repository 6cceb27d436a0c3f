"""What c7n's handler does for the first event, with what a function knows of itself: the account, from its own ARN."""
from __future__ import annotations

from typing import Any

from c7n import handler
from c7n.resources import load_resources
from c7n.structure import StructureParser


def with_account(data: dict[str, Any], account: str) -> dict[str, Any]:
    """The content of `config.json` with the function's account in its options, so that c7n need not ask STS for it."""
    if not account:
        return data
    return {**data, "execution-options": {"account_id": account, **(data.get("execution-options") or {})}}


def load_once(data: dict[str, Any]) -> None:
    """Do what c7n's handler does at the first event, unless it was done. `data`: the content of `config.json`.

    Raises what c7n raises.
    """
    if handler.policy_config is None:
        options = handler.init_config(data)
        load_resources(StructureParser().get_resource_types(data))
        handler.policy_config, handler.policy_data = options, data
