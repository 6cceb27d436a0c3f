"""What a deployed function may do in an account: tell only, or put right.

A function that changes an account nobody has watched it in yet is how a compliance tool takes production down. So an
account observes until its entry in accounts.yml says otherwise: `guardrails: heal`, or `guardrails: respond`, where one
function does all the fixes (responder.py) and the others only tell it. The word stands in the account's own entry and
not in its `vars`: c7n-org takes any key there and hands it to nobody, and a policy must not depend on it.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from .accounts import Account
from .errors import GuardrailsError
from .policies import Kind, Policy
from .yamlfile import read

KEY = "guardrails"
PROJECT_TAG, PROJECT = "project", "aws-guardrails"
TELLING = frozenset({"notify", "webhook", "put-metric", "post-finding", "post-item"})
"""c7n's actions that change nothing in what they are given."""
TOPIC = "guardrails-compliance"
"""The topic of an account and region where alerts go, and AWS Config's compliance changes."""
RESPONDER = "custodian-guardrails-responder"
"""The function that hears that topic where the account's word is `respond`."""
# A policy whose fix was all that it did would be silent without it. AWS Config shows verdicts by itself.
_TELL = {
    "type": "notify",
    "to": ["account-emails", "slack://webhook/#security"],
    # c7n leaves a subject to the mailer.
    "subject": "{{ policy.name }} in {{ account_id }}",
    "template": "guardrails.html",
    "slack_template": "slack_guardrails",
    "transport": {"type": "sns", "topic": f"arn:{{partition}}:sns:{{region}}:{{account_id}}:{TOPIC}"},
}


class Response(StrEnum):
    """What functions may do in an account."""

    OBSERVE = "observe"
    """Tell of what drifts, and change nothing."""
    HEAL = "heal"
    """Do what their policies say."""
    RESPOND = "respond"
    """Tell of what drifts, and leave what their policies say to the responder."""


def response_of(account: Account) -> Response:
    """What functions may do there; to observe when its entry does not say. Raises ValueError for another word."""
    return Response(account.entry.get(KEY, Response.OBSERVE))


def refuse_other_words(accounts: Iterable[Account], config: Path | None) -> None:
    """Raise GuardrailsError for an account whose entry in `config` says another word."""
    for account in accounts:
        try:
            response_of(account)
        except ValueError:
            raise GuardrailsError(
                f"{_where(account, config)}: account {account}: {KEY}: {account.entry[KEY]!r}",
                f"{KEY}: observe, {KEY}: heal, or {KEY}: respond") from None


def _where(account: Account, config: Path | None) -> str:
    if config is None:
        return "the current account"
    source = read(config)
    for index, entry in enumerate(source.data["accounts"]):
        if entry["account_id"] == account.id:
            return f"{config}:{source.line(('accounts', index, KEY))}"
    return str(config)


def healing(account: Account) -> Account:
    """The account with fixes allowed."""
    return replace(account, entry={**account.entry, KEY: Response.HEAL.value})


def as_deployed(policy: Policy, response: Response) -> Policy:
    """The policy as its function is to carry it; unchanged where it has no fix, or where fixes may run."""
    if response is Response.HEAL or not policy.heals:
        return policy
    told = [action for action in policy.data["actions"] if action_type(action) in TELLING]
    # The responder hears of an AWS Config rule by its verdicts, and of all others by that topic alone.
    enough = any(map(_tells_the_topic, told)) if response is Response.RESPOND else told
    if not enough and policy.kind is not Kind.CONFIG_RULE:
        told.append(deepcopy(_TELL))
    data = {key: value for key, value in policy.data.items() if key != "actions"}
    data["metadata"] = {**policy.metadata, "response": "alert" if told else "none"}
    if told:
        data["actions"] = told
    return replace(policy, data=data)


def marked(policy: Policy) -> Policy:
    """The policy with the tag by which `undeploy` knows its function as ours; one of the policy's own stays."""
    tags = {PROJECT_TAG: PROJECT, **(policy.mode.get("tags") or {})}
    return replace(policy, data={**policy.data, "mode": {**policy.mode, "tags": tags}})


def is_ours(tags: Mapping[str, str]) -> bool:
    """Whether a function with these tags was deployed by c7n from a policy of this project."""
    return tags.get(PROJECT_TAG) == PROJECT and "custodian-info" in tags


def has_responder(account: Account) -> bool:
    """Whether the account is to have a responder, which does what its functions only tell of."""
    return response_of(account) is Response.RESPOND


def _tells_the_topic(action: Any) -> bool:
    """Whether the action tells the compliance topic, named by its ARN or by its name alone."""
    transport = (action.get("transport") or {}) if isinstance(action, Mapping) else {}
    return str(transport.get("topic", "")).rpartition(":")[2] == TOPIC


def action_type(action: Any) -> str:
    """The type of an action of a policy, which may be its name alone."""
    return str(action.get("type") if isinstance(action, Mapping) else action)
