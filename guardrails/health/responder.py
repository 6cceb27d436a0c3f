"""What the responder needs, where an account's word is `respond`: with it deaf, all tell and nothing is fixed."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custom_actions.names import RESPONDER, TOPIC

from ..accounts import Account, has_responder
from ..deployment import own_regions, topic_arn
from ..policies import Policy
from .facts import Found, Read, Unread
from .functions import dead_letters
from .functions import function as function_state
from .reading import AccountReader, asked
from .verdict import HealthVerdict, as_list, broken, ok, unknown

_DEPLOY = "./run.sh deploy -c accounts.yml"
_STACK = "the stack of compliance.template.json (./run.sh templates)"


@dataclass(frozen=True)
class ResponderFacts:
    """What was read of it."""

    function: Read[Found]
    """GetFunction's answer."""
    policy: Read[Found]
    """GetPolicy's answer."""
    subscriptions: Read[Sequence[Mapping[str, Any]] | None]
    """Who hears the topic; None when there is no topic."""
    rule: Read[Found]
    """The event rule that sends AWS Config's verdicts to the topic."""
    waiting: Read[int | None]
    """How many messages are in the dead-letter queue; None when it is not there."""


def responds(policies: Sequence[Policy], account: Account, region: str) -> bool:
    """Whether the responder has to be there."""
    return has_responder(account) and any(
        policy.deploys and policy.heals and region in own_regions(policy, account) for policy in policies)


def read_responder(reader: AccountReader) -> ResponderFacts:
    """Read what `responder_verdicts` takes."""
    functions, topic = reader.client("lambda"), topic_arn(reader.account.id, reader.region)
    found: Read[Found] = asked(lambda: functions.get_function(FunctionName=RESPONDER))
    there = {} if found is None or isinstance(found, Unread) else found["Configuration"]
    return ResponderFacts(
        found,
        asked(lambda: functions.get_policy(FunctionName=RESPONDER)),
        asked(lambda: reader.pages("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic)),
        asked(lambda: reader.client("events").describe_rule(Name=TOPIC)),
        reader.waiting(there))


def responder_verdicts(facts: ResponderFacts) -> list[HealthVerdict]:
    """Whether it would run, hears the topic, is let in, and has put right what it was told of."""
    if isinstance(facts.function, Unread):
        return [unknown("function", facts.function.reason)]
    if facts.function is None:
        return [broken("function", "it is not deployed: nothing is fixed", _DEPLOY)]
    return [
        function_state(facts.function),
        _subscription(facts.subscriptions, facts.function["Configuration"]["FunctionArn"]),
        _permission(facts.policy),
        _verdicts_arrive(facts.rule),
        *dead_letters(facts.function["Configuration"], facts.waiting),
    ]


def _subscription(found: Read[Sequence[Mapping[str, Any]] | None], function: str) -> HealthVerdict:
    if isinstance(found, Unread):
        return unknown("subscription", found.reason)
    if found is None:
        return broken("subscription", f"there is no topic {TOPIC}", _STACK)
    own = [each for each in found if each["Endpoint"] == function]
    if not own:
        return broken("subscription", f"it does not hear the topic {TOPIC}", _DEPLOY)
    # SNS gives one that waits for its confirmation no ARN.
    if not any(str(each["SubscriptionArn"]).startswith("arn:") for each in own):
        return broken("subscription", "it was never confirmed", "unsubscribe it, and deploy again")
    return ok("subscription")


def _permission(found: Read[Found]) -> HealthVerdict:
    if isinstance(found, Unread):
        return unknown("permission", found.reason)
    statements = json.loads((found or {}).get("Policy") or "{}").get("Statement")
    for each in as_list(statements):
        principal = each.get("Principal")
        services = as_list(principal.get("Service") if isinstance(principal, Mapping) else principal)
        if each.get("Effect") == "Allow" and "sns.amazonaws.com" in services:
            return ok("permission")
    return broken("permission", "it does not let SNS call it", _DEPLOY)


def _verdicts_arrive(rule: Read[Found]) -> HealthVerdict:
    if isinstance(rule, Unread):
        return unknown("event-rule", rule.reason)
    if rule is None:
        return broken("event-rule", f"no rule {TOPIC}: AWS Config's verdicts do not come to the topic", _STACK)
    if rule.get("State") != "ENABLED":
        return broken("event-rule", f"the rule {TOPIC} is off: AWS Config's verdicts do not come to the topic", _STACK)
    return ok("event-rule")
