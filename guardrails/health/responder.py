"""What the responder needs, in an account with `guardrails: respond`. If it does not work, nothing is fixed."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custom_actions.names import RESPONDER, TOPIC

from ..accounts import Account, has_responder
from ..command import command
from ..deployment import own_regions, topic_arn
from ..policies import Policy
from .facts import Found, Read, RoleFacts, Unread
from .functions import dead_letters
from .functions import function as function_state
from .invocation import invocable
from .reading import AccountReader, attempt, attempt_or, statements_of
from .regions import redelivery
from .verdict import HealthVerdict, broken, ok, unknown

_NO_EVALUATIONS = "the topic receives no evaluations of AWS Config"
_DEPLOY = command("deploy -c accounts.yml")
_STACK = f"create or update the stack of compliance.template.json ({command('templates')})"


@dataclass(frozen=True)
class ResponderFacts:
    """What was read of the responder."""

    function: Read[Found]
    """The response of GetFunction."""
    statements: Read[Sequence[Mapping[str, Any]]]
    """Its resource policy."""
    topic: str
    """The ARN of the topic that invokes it."""
    subscriptions: Read[Sequence[Mapping[str, Any]] | None]
    """The topic's subscriptions; None when the topic does not exist."""
    rule: Read[Found]
    """The event rule that sends AWS Config's evaluations to the topic."""
    waiting: Read[int | None]
    """The number of messages in the dead-letter queue; None when it does not exist."""
    redelivery: RoleFacts | None = None
    """The role with which EventBridge Scheduler delivers events again; None when no fix needs it."""


def responds(policies: Sequence[Policy], account: Account, region: str) -> bool:
    """Whether the responder must be deployed there."""
    return has_responder(account) and any(
        policy.deploys and policy.heals and region in own_regions(policy, account) for policy in policies)


def read_responder(reader: AccountReader, *, redelivers: bool) -> ResponderFacts:
    """Read the facts that `responder_verdicts` judges. `redelivers`: whether it has events delivered again."""
    functions, topic = reader.client("lambda"), topic_arn(reader.account.id, reader.region)
    found = attempt(lambda: functions.get_function(FunctionName=RESPONDER))
    configuration = {} if found is None or isinstance(found, Unread) else found["Configuration"]
    return ResponderFacts(
        found,
        attempt_or(lambda: statements_of(functions.get_policy(FunctionName=RESPONDER)["Policy"]), []),
        topic,
        attempt(lambda: reader.pages("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic)),
        attempt(lambda: reader.client("events").describe_rule(Name=TOPIC)),
        reader.waiting(configuration),
        reader.redelivery() if redelivers else None)


def responder_verdicts(facts: ResponderFacts) -> list[HealthVerdict]:
    """Whether it can run, is subscribed to the topic, may be invoked, and has handled every message."""
    if isinstance(facts.function, Unread):
        return [unknown("function", facts.function.reason)]
    if facts.function is None:
        return [broken("function", "it is not deployed: nothing is fixed", _DEPLOY)]
    return [
        function_state(facts.function),
        _subscription(facts.subscriptions, facts.function["Configuration"]["FunctionArn"]),
        invocable(facts.statements, "sns.amazonaws.com", account=facts.topic.split(":")[4], source=facts.topic,
                  remedy=_DEPLOY),
        _evaluations_arrive(facts.rule),
        *([redelivery(["the responder"], facts.redelivery)] if facts.redelivery else []),
        *dead_letters(facts.function["Configuration"], facts.waiting),
    ]


def _subscription(found: Read[Sequence[Mapping[str, Any]] | None], function: str) -> HealthVerdict:
    if isinstance(found, Unread):
        return unknown("subscription", found.reason)
    if found is None:
        return broken("subscription", f"the topic {TOPIC} does not exist", _STACK)
    own = [each for each in found if each["Endpoint"] == function]
    if not own:
        return broken("subscription", f"it is not subscribed to the topic {TOPIC}", _DEPLOY)
    # An unconfirmed subscription has no ARN.
    if not any(str(each["SubscriptionArn"]).startswith("arn:") for each in own):
        return broken(
            "subscription", "its subscription was never confirmed", "delete the subscription, and deploy again")
    return ok("subscription")


def _evaluations_arrive(rule: Read[Found]) -> HealthVerdict:
    if isinstance(rule, Unread):
        return unknown("event-rule", rule.reason)
    if rule is None:
        return broken("event-rule", f"the rule {TOPIC} does not exist: {_NO_EVALUATIONS}", _STACK)
    if rule.get("State") != "ENABLED":
        return broken("event-rule", f"the rule {TOPIC} is disabled: {_NO_EVALUATIONS}", _STACK)
    return ok("event-rule")
