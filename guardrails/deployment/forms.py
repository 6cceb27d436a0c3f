"""What a deployed function may do in an account: tell only, or put right.

A function that changes an account nobody has watched it in yet is how a compliance tool takes production down. So an
account observes until its entry in accounts.yml says otherwise: `guardrails: heal`, or `guardrails: respond`, where one
function does all the fixes (responder.py) and the others only tell it. The word stands in the account's own entry and
not in its `vars`: c7n-org takes any key there and hands it to nobody, and a policy must not depend on it.
"""
from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from custom_actions.names import PROJECT, PROJECT_TAG, TOPIC
from custom_actions.vocabulary import TELLING

from ..accounts import Response
from ..policies import Kind, Policy

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




def _tells_the_topic(action: Any) -> bool:
    """Whether the action tells the compliance topic, named by its ARN or by its name alone."""
    transport = (action.get("transport") or {}) if isinstance(action, Mapping) else {}
    return str(transport.get("topic", "")).rpartition(":")[2] == TOPIC


def action_type(action: Any) -> str:
    """The type of an action of a policy, which may be its name alone."""
    return str(action.get("type") if isinstance(action, Mapping) else action)
