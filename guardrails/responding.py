"""What a deployed function may do in an account: tell only, or put right.

A function that changes an account nobody has watched it in yet is how a compliance tool takes production down. So an
account observes until its entry in accounts.yml says otherwise: `guardrails: heal`. The word stands in the account's
own entry and not in its `vars`: c7n-org takes any key there and hands it to nobody, and a policy must not depend on it.
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
# A policy whose fix was all that it did would be silent without it. AWS Config shows verdicts by itself.
_TELL = {
    "type": "notify",
    "to": ["security"],
    "transport": {"type": "sns", "topic": "arn:{partition}:sns:{region}:{account_id}:guardrails-compliance"},
}


class Response(StrEnum):
    """What functions may do in an account."""

    OBSERVE = "observe"
    """Tell of what drifts, and change nothing."""
    HEAL = "heal"
    """Do what their policies say."""


def response_of(account: Account) -> Response:
    """What functions may do there; to observe when its entry does not say. Raises ValueError for another word."""
    return Response(account.entry.get(KEY, Response.OBSERVE))


def refuse_other_words(accounts: Iterable[Account], config: Path | None) -> None:
    """Raise GuardrailsError for an account whose entry in `config` says neither observe nor heal."""
    for account in accounts:
        try:
            response_of(account)
        except ValueError:
            raise GuardrailsError(
                f"{_where(account, config)}: account {account}: {KEY}: {account.entry[KEY]!r}",
                f"{KEY}: observe, or {KEY}: heal") from None


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
    told = [action for action in policy.data["actions"] if _type(action) in TELLING]
    if not told and policy.kind is not Kind.CONFIG_RULE:
        told = [deepcopy(_TELL)]
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


def _type(action: Any) -> str:
    return str(action.get("type") if isinstance(action, Mapping) else action)
