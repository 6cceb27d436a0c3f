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

from custom_actions.names import EVENTS_QUEUE, PROJECT, PROJECT_TAG, RESPONSE_TAG, TOPIC
from custom_actions.vocabulary import TELLING

from ..accounts import Response
from ..policies import Kind, Policy, action_type

IN_HUB = "central-"
"""The tag's value of a function in the hub, followed by the number of accounts in which it may fix."""
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

    Unchanged when it has no fix. Where fixes may not run, they are removed; if nothing would be left that notifies, a
    notification to the compliance topic is added. A realtime policy gets the dead-letter queue, and the function of a
    policy with a fix a tag with the response.
    """
    policy = with_dead_letters(policy)
    if not policy.heals:
        return policy
    policy = with_response(policy, response.value)
    if response is Response.HEAL:
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


def with_response(policy: Policy, response: str) -> Policy:
    """The policy whose function has the tag that says what it may do: `observe`, `heal`, `respond` or `central-N`."""
    mode = {**policy.mode, "tags": {**(policy.mode.get("tags") or {}), RESPONSE_TAG: response}}
    return replace(policy, data={**policy.data, "mode": mode})


def stops_fixing(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Why a deployment would end the fixes of a function; empty if it would not.

    Args:
        wanted: the tags that the function is to have.
        found: the tags that it has.
    """
    after, before = _fixes(wanted.get(RESPONSE_TAG)), _fixes(found.get(RESPONSE_TAG))
    if after is None:  # a policy without a fix
        return ""
    if before is None:
        return "" if after else f"it may fix today: it has no tag {RESPONSE_TAG}"
    if after >= before:
        return ""
    if found[RESPONSE_TAG].startswith(IN_HUB):
        return f"it fixes in {before} accounts today, and would in {after}"
    return f"its response is {found[RESPONSE_TAG]} today, and would be {wanted[RESPONSE_TAG]}"


def _fixes(response: str | None) -> int | None:
    """In how many accounts a function with this tag makes fixes happen; None if that is unknown."""
    if response is None:
        return None
    number = response.removeprefix(IN_HUB)
    if number != response:
        return int(number) if number.isdigit() else None
    return int(response != Response.OBSERVE)


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

