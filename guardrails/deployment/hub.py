"""Central deployment: one function in a hub account answers the events of all the others.

One function for each policy, account and region is a lot to operate. With a hub, EventBridge forwards the events that
policies subscribe to to the hub's bus, and one function for each policy assumes a role in the account of the event
(custom_actions/functions/central.py). The hub is the account of accounts.yml with `guardrails-hub: REGION`. It answers
events only: functions that AWS Config or a schedule starts stay in each account.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from c7n.utils import get_partition

from custom_actions.functions import HEAL, KEY, OBSERVE, pack
from custom_actions.names import HUB_ROLE, MEMBER_ROLE

from ..accounts import Account, Response, response_of
from ..errors import GuardrailsError
from ..policies import Kind, Policy
from .forms import IN_HUB, as_deployed, with_response
from .plans import PolicyRefused, regions_for, runs


def answered_centrally(policy: Policy, account: Account) -> bool:
    """Whether the policy's function for the account's events is in the hub."""
    return account.hub is not None and policy.kind is Kind.REALTIME


def own_regions(policy: Policy, account: Account) -> Sequence[str]:
    """The regions in which the account itself has the policy's function; none if the hub handles its events."""
    return () if answered_centrally(policy, account) else regions_for(policy, account)


def is_hub(account: Account, region: str) -> bool:
    """Whether this is the account and region whose functions answer for all accounts."""
    return account.hub is not None and (account.id, region) == (account.hub.account, account.hub.region)


def hub_of(accounts: Iterable[Account]) -> Account | None:
    """The hub among the accounts; None when there is none."""
    return next((account for account in accounts if account.hub and account.id == account.hub.account), None)


def as_central(policy: Policy, hub: Account, variables: Mapping[str, Any]) -> Policy:
    """The policy in the form that is deployed in the hub, with the response and the `vars` of every account.

    `variables`: the `vars` of accounts.yml for all accounts. Raises GuardrailsError when c7n rejects the policy with
    the `vars` of one of them.
    """
    assert hub.hub is not None
    forms = {form: telling_the_hub(as_deployed(policy, response), hub)
             for form, response in ((HEAL, Response.HEAL), (OBSERVE, Response.OBSERVE))}
    members = hub.hub.members
    wanted = {member.id: HEAL if response_of(member) is Response.HEAL else OBSERVE for member in members}
    used = {form: forms[form] for form in {OBSERVE, *wanted.values()}}
    # Accounts with the same response and the same `vars` behave the same: check one of each, not a thousand.
    distinct = {json.dumps([wanted[member.id], member.entry.get("vars")], sort_keys=True, default=str): member
              for member in members}
    in_force = [member for member in distinct.values()
                if _runs(used[wanted[member.id]], member, hub.hub.region, variables)]
    shown = used[HEAL] if HEAL in used else used[OBSERVE]
    partition = get_partition(hub.hub.region)
    data = {
        **shown.data,
        "metadata": {**shown.metadata, KEY: pack(
            {form: _carried(one) for form, one in used.items()},
            {member.id: {"response": wanted[member.id], "vars": {**variables, **(member.entry.get("vars") or {})}}
             for member in members},
        )},
        "mode": {
            **shown.mode, "role": HUB_ROLE,
            "member-role": f"arn:{partition}:iam::{{account_id}}:role/{MEMBER_ROLE}",
        },
    }
    if in_force:
        # The function is needed when the policy is in force in any account; it checks the conditions for each event.
        data.pop("conditions", None)
    central = replace(policy, data=data)
    if not policy.heals:
        return central
    return with_response(central, f"{IN_HUB}{sum(form == HEAL for form in wanted.values())}")


def _runs(policy: Policy, member: Account, region: str, variables: Mapping[str, Any]) -> bool:
    try:
        return runs(policy, member, region, variables)
    except PolicyRefused as error:
        raise GuardrailsError(
            f"account {member}: c7n rejects {policy.name} with these vars: {error}", "fix `vars` in accounts.yml"
        ) from None


def _carried(policy: Policy) -> dict[str, Any]:
    """The policy's data without its mode, which the function already holds."""
    return json.loads(json.dumps({key: value for key, value in policy.data.items() if key != "mode"}, default=str))


def telling_the_hub(policy: Policy, hub: Account) -> Policy:
    """The policy with its alerts sent to the hub's topics and queues; everything else refers to the member account."""
    assert hub.hub is not None
    here = {"{account_id}": hub.id, "{region}": hub.hub.region, "{partition}": get_partition(hub.hub.region)}
    data = deepcopy(dict(policy.data))
    for action in data.get("actions") or ():
        for notifying in (action, action.get("otherwise")) if isinstance(action, dict) else ():
            if isinstance(notifying, dict) and isinstance(notifying.get("transport"), dict):
                notifying["transport"] = {key: _filled(value, here) for key, value in notifying["transport"].items()}
    return replace(policy, data=data)


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    for name, here in names.items() if isinstance(value, str) else ():
        value = value.replace(name, here)
    return value
