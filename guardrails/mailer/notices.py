"""Which policies notify whom, from the policy files: what the mailer accepts of a message."""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from custom_actions.fixing import STOPPED, UNANSWERED

from ..policies import Kind, PolicySources

_NOT_NEEDED = ("parameters",)
"""Metadata that no template prints."""


def notices(sources: PolicySources) -> dict[str, dict[str, Any]]:
    """The notices of every policy that notifies, as `hardening.install` takes them.

    Raises GuardrailsError for policies that cannot be read.
    """
    found = {}
    for policy in sources.load():
        if notify := list(_notifies(policy.data.get("actions") or ())):
            if policy.kind is Kind.REALTIME:
                # What a fix of any realtime policy may report besides; the settings are those of its `otherwise`.
                inside = list(_notifies(each["otherwise"] for each in policy.data["actions"]
                                        if isinstance(each, Mapping) and "otherwise" in each))
                notify += [{**[*inside, *notify][0], "subject": subject} for subject in (STOPPED, UNANSWERED)]
            found[policy.name] = {
                "resource": policy.resource,
                "description": str(policy.data.get("description") or ""),
                "metadata": {key: value for key, value in policy.metadata.items() if key not in _NOT_NEEDED},
                "notify": notify,
            }
    # As the function's archive has it: YAML has dates, and frozen mappings.
    plain: dict[str, dict[str, Any]] = json.loads(json.dumps(found, default=_plain))
    return plain


def _notifies(actions: Any) -> Iterator[dict[str, Any]]:
    """Every `notify` without its transport: the policy's own first, then those of `otherwise`."""
    settings = [action for action in actions if isinstance(action, Mapping)]
    for action in (*settings, *(action["otherwise"] for action in settings if "otherwise" in action)):
        if action.get("type") == "notify":
            yield {key: value for key, value in action.items() if key != "transport"}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
