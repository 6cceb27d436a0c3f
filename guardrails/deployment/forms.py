"""The form in which a policy is deployed: with its fixes, or with notifications only.

A compliance tool that fixes an account before anyone has observed it there can take production down. So an account
observes by default. Its entry in accounts.yml can say `guardrails: heal`, or `guardrails: respond`, where one function
runs all fixes (responder.py) and the others only notify it. The setting is in the account's own entry and not in its
`vars`: c7n-org accepts any key there and passes it to nothing, and a policy must not depend on it.
"""
from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from itertools import takewhile
from typing import Any

from custom_actions.names import EVENTS_QUEUE, PROJECT, PROJECT_TAG, TOPIC
from custom_actions.vocabulary import TELLING

from ..accounts import Response
from ..policies import Kind, Policy, action_type

# Added to a policy that would do nothing without its fix. AWS Config shows its evaluations by itself.
_NOTIFY = {
    "type": "notify",
    "to": ["account-emails", "slack://webhook/#security"],
    # c7n passes the subject to the mailer, which fills it in.
    "subject": "{{ policy.name }} in {{ account_id }}",
    "template": "guardrails.html",
    "slack_template": "slack_guardrails",
    "transport": {"type": "sns", "topic": f"arn:{{partition}}:sns:{{region}}:{{account_id}}:{TOPIC}"},
}


def as_deployed(policy: Policy, response: Response) -> Policy:
    """The policy in the form that is deployed where the account has this response.

    Unchanged when it has no fix, or when fixes may run. In all other cases its fixes are removed; if nothing would be
    left that notifies, a notification to the compliance topic is added. A realtime policy gets the dead-letter queue.
    """
    policy = with_dead_letters(policy)
    if response is Response.HEAL or not policy.heals:
        return policy
    actions = policy.data["actions"]
    if policy.kind is Kind.CONFIG_RULE:
        # Its messages after the fix tell what the fix did. Without the fix they would repeat each evaluation.
        actions = takewhile(lambda action: action_type(action) in TELLING, actions)
    notifying = [action for action in actions if action_type(action) in TELLING]
    # The responder learns of a Config rule from its evaluations, and of every other policy from the topic only.
    enough = any(map(_notifies_the_topic, notifying)) if response is Response.RESPOND else notifying
    if not enough and policy.kind is not Kind.CONFIG_RULE:
        notifying.append(deepcopy(_NOTIFY))
    data = {key: value for key, value in policy.data.items() if key != "actions"}
    data["metadata"] = {**policy.metadata, "response": "alert" if notifying else "none"}
    if notifying:
        data["actions"] = notifying
    return replace(policy, data=data)


def with_dead_letters(policy: Policy) -> Policy:
    """A realtime policy with the queue for events on which its function fails; its own setting takes precedence."""
    if policy.kind is not Kind.REALTIME or "dead_letter_config" in policy.mode:
        return policy
    queue = f"arn:{{partition}}:sqs:{{region}}:{{account_id}}:{EVENTS_QUEUE}"
    return replace(policy, data={**policy.data, "mode": {**policy.mode, "dead_letter_config": {"TargetArn": queue}}})


def marked(policy: Policy) -> Policy:
    """The policy with the tag that identifies its function as this project's; the policy's own tags take precedence."""
    tags = {PROJECT_TAG: PROJECT, **(policy.mode.get("tags") or {})}
    return replace(policy, data={**policy.data, "mode": {**policy.mode, "tags": tags}})


def is_ours(tags: Mapping[str, str]) -> bool:
    """Whether c7n deployed a function with these tags from a policy of this project."""
    return tags.get(PROJECT_TAG) == PROJECT and "custodian-info" in tags


def _notifies_the_topic(action: Any) -> bool:
    """Whether the action publishes to the compliance topic, given by its ARN or by its name alone."""
    transport = (action.get("transport") or {}) if isinstance(action, Mapping) else {}
    return str(transport.get("topic", "")).rpartition(":")[2] == TOPIC

