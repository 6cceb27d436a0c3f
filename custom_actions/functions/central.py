"""One function for many accounts: fills in the policy for the account of each event.

c7n's `mode.member-role` lets a function in a hub account assume a role in the account that an event comes from. But the
policy's variables and conditions are then already filled in for the hub: `{account_id}` would be the hub's id. So a
policy that is deployed centrally carries its unfilled form, with the settings of accounts.yml for each account, in
`metadata.central`. For each event it is filled in for that account, and c7n makes every call with the member's role.

An account that is not in accounts.yml is observed only: alerts are sent, no fix runs.
"""
from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from c7n import handler
from c7n.config import Config
from c7n.policy import Policy
from c7n.resources import load_resources
from c7n.utils import reset_session_cache

from ..exceptions import TYPE as EXCEPTED

KEY = "central"
"""In a policy's `metadata`: what `pack` made."""
HEAL, OBSERVE = "heal", "observe"
"""The forms of a policy. The second sends alerts and changes nothing."""
Data = dict[str, Any]


class NotOfAMember(Exception):
    """A message without account or region: the hub cannot handle it."""


@dataclass(frozen=True)
class Origin:
    """Where an event comes from."""

    account: str
    region: str


def pack(forms: Mapping[str, Mapping[str, Any]], accounts: Mapping[str, Mapping[str, Any]]) -> str:
    """What a policy carries into its function, encoded so that c7n finds no braces to fill in.

    Args:
        forms: the policy's data as its file has it, by form.
        accounts: by id, `response` (a form) and `vars`.
    """
    text = json.dumps({"forms": forms, "accounts": accounts}, sort_keys=True, separators=(",", ":"), default=str)
    return base64.b64encode(text.encode()).decode()


def unpack(text: str) -> Data:
    """The forms and accounts that `pack` encoded. Raises ValueError for any other text."""
    found: Data = json.loads(base64.b64decode(text, validate=True))
    return found


def is_central(policy: Mapping[str, Any]) -> bool:
    """Whether the policy is deployed in a hub, for events of many accounts."""
    return KEY in (policy.get("metadata") or {})


def origin(message: Mapping[str, Any]) -> Origin:
    """Where an EventBridge event comes from. Raises NotOfAMember."""
    account, region = message.get("account"), message.get("region")
    if not (isinstance(account, str) and len(account) == 12 and account.isdigit() and isinstance(region, str)):
        raise NotOfAMember(f"an event from a member account must have account and region; it has {sorted(message)}")
    return Origin(account, region)


def member_policy(deployed: Mapping[str, Any], where: Origin) -> Data:
    """The policy's data, filled in for one member account, with the role to assume there.

    Raises what c7n raises for a policy that the member's variables make invalid.
    """
    carried = unpack(deployed["metadata"][KEY])
    member = carried["accounts"].get(where.account) or {}
    forms = carried["forms"]
    mode = deepcopy(dict(deployed["mode"]))
    role = mode.pop("member-role").format(account_id=where.account)
    mode["execution-options"] = {
        **(mode.get("execution-options") or {}), "assume_role": role, "region": where.region,
    }
    data = {**deepcopy(forms[member.get("response", OBSERVE)]), "mode": mode}
    made = Policy(data, Config.empty(region=where.region, account_id=where.account))
    made.expand_variables(made.get_variables(dict(member.get("vars") or {})))
    filled: Data = made.data
    # Exceptions were added when the policy was deployed, and must be the last filter.
    exceptions = [entry for entry in deployed.get("filters") or () if _type(entry) == EXCEPTED]
    if exceptions:
        filled["filters"] = [*(filled.get("filters") or ()), *exceptions]
    return filled


class Members:
    """Prepares c7n's handler for the account of each event. Keeps what a warm function can use again."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._last: Origin | None = None

    def prepare(self, message: Mapping[str, Any]) -> Origin:
        """Make c7n's handler run the policy where `message` comes from; returns that place.

        Raises NotOfAMember, and what `member_policy` raises.
        """
        where = origin(message)
        [deployed] = self._config["policies"]
        if where != self._last:
            # c7n caches sessions by region only: the next account would get the session of the last one.
            reset_session_cache()
            load_resources([deployed["resource"]])
            data = {
                "execution-options": dict(self._config.get("execution-options") or {}),
                "policies": [member_policy(deployed, where)],
            }
            # c7n does this on the first event, from the archive's config.json.
            handler.policy_config, handler.policy_data = handler.init_config(data), data
            self._last = where
        return where


def _type(entry: Any) -> Any:
    return entry.get("type") if isinstance(entry, Mapping) else entry
