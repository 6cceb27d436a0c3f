"""One function for many accounts: the policy as the account of an event is to have it.

c7n's `mode.member-role` lets a function of a hub account assume a role in the account that an event comes from. By then
the policy's variables and conditions have been settled with the hub's own number, region and parameters: a list of
owners that says `{account_id}` would name the hub. So a policy that is deployed centrally carries itself as its file
has it, with what accounts.yml says of each account, in `metadata.central`. For every event it is filled in anew, and
c7n runs it in the member's account from the first call on, by its own `assume_role`.

An account that accounts.yml does not know is observed: its events came through the organization, so somebody wants to
hear of them, and nobody has said that fixes may run there.
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
"""The forms of a policy; the second tells, and changes nothing."""
Data = dict[str, Any]


class NotOfAMember(Exception):
    """A message that does not say which account and region it comes from: it cannot be answered centrally."""


@dataclass(frozen=True)
class Origin:
    """Where an event comes from."""

    account: str
    region: str


def pack(forms: Mapping[str, Mapping[str, Any]], accounts: Mapping[str, Mapping[str, Any]]) -> str:
    """What a policy carries into its function, as text in which c7n finds no braces to fill in.

    Args:
        forms: the policy's data as its file has it, by form.
        accounts: by id, `response` (a form) and `vars`.
    """
    text = json.dumps({"forms": forms, "accounts": accounts}, sort_keys=True, separators=(",", ":"), default=str)
    return base64.b64encode(text.encode()).decode()


def unpack(text: str) -> Data:
    """What `pack` was given. Raises ValueError for any other text."""
    found: Data = json.loads(base64.b64decode(text, validate=True))
    return found


def is_central(policy: Mapping[str, Any]) -> bool:
    """Whether the policy was deployed for the events of many accounts."""
    return KEY in (policy.get("metadata") or {})


def origin(message: Mapping[str, Any]) -> Origin:
    """Where an EventBridge event comes from. Raises NotOfAMember."""
    account, region = message.get("account"), message.get("region")
    if not (isinstance(account, str) and len(account) == 12 and account.isdigit() and isinstance(region, str)):
        raise NotOfAMember(f"an event of a member needs account and region; it has {sorted(message)}")
    return Origin(account, region)


def member_policy(deployed: Mapping[str, Any], where: Origin) -> Data:
    """The policy's data for one member, filled in, with the member's role to be assumed; c7n runs it as it is.

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
    # Exceptions go into a policy when it is deployed, and stand last.
    let_off = [entry for entry in deployed.get("filters") or () if _type(entry) == EXCEPTED]
    if let_off:
        filled["filters"] = [*(filled.get("filters") or ()), *let_off]
    return filled


class Members:
    """Hands each event's account over to c7n's handler. Keeps what a warm function may use again."""

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
            # c7n keeps sessions by region alone: the next account would be given the last one's.
            reset_session_cache()
            load_resources([deployed["resource"]])
            data = {
                "execution-options": dict(self._config.get("execution-options") or {}),
                "policies": [member_policy(deployed, where)],
            }
            # What its first event would do, once: read the archive's config.json.
            handler.policy_config, handler.policy_data = handler.init_config(data), data
            self._last = where
        return where


def _type(entry: Any) -> Any:
    return entry.get("type") if isinstance(entry, Mapping) else entry
