"""What is said of a responder that is deaf, shut out, or failing."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from guardrails.accounts.account import Account
from guardrails.health.facts import RoleFacts, Unread
from guardrails.health.responder import ResponderFacts, responder_verdicts, responds
from tests.guardrails.deployment.test_forms import policy

ARN = "arn:aws:lambda:eu-west-1:111111111111:function:custodian-guardrails-responder"
TOPIC = "arn:aws:sns:eu-west-1:111111111111:guardrails-compliance"
ALLOWS = {
    "Effect": "Allow", "Action": "lambda:InvokeFunction", "Principal": {"Service": "sns.amazonaws.com"},
    "Condition": {"ArnLike": {"AWS:SourceArn": TOPIC}}}
SHUT = ("broken", "permission", "the function does not allow sns.amazonaws.com to invoke it")
WELL = ResponderFacts(
    {"Configuration": {"FunctionArn": ARN, "State": "Active", "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:x:1:q"}}},
    [ALLOWS], TOPIC,
    [{"Endpoint": ARN, "SubscriptionArn": f"{TOPIC}:1"}],
    {"State": "ENABLED"}, 0)


def said(**facts: Any) -> list[tuple[str, str, str]]:
    return [(each.state.value, each.check, each.reason) for each in responder_verdicts(replace(WELL, **facts))
            if each.state.value != "ok"]


@pytest.mark.parametrize(("facts", "verdict"), [
    ({"function": None}, ("broken", "function", "it is not deployed: nothing is fixed")),
    ({"function": Unread("denied")}, ("unknown", "function", "denied")),
    ({"subscriptions": None}, ("broken", "subscription", "the topic guardrails-compliance does not exist")),
    ({"subscriptions": []}, ("broken", "subscription", "it is not subscribed to the topic guardrails-compliance")),
    ({"subscriptions": [{"Endpoint": ARN, "SubscriptionArn": "PendingConfirmation"}]},
     ("broken", "subscription", "its subscription was never confirmed")),
    ({"subscriptions": Unread("denied")}, ("unknown", "subscription", "denied")),
    ({"statements": []}, SHUT),
    ({"statements": [{**ALLOWS, "Effect": "Deny", "Principal": "sns.amazonaws.com"}]}, SHUT),
    # Allowed, but not this call, or not for this topic.
    ({"statements": [{**ALLOWS, "Action": "lambda:GetFunction"}]}, SHUT),
    ({"statements": [{**ALLOWS, "Condition": {"ArnLike": {"AWS:SourceArn": f"{TOPIC}-2"}}}]}, SHUT),
    ({"statements": Unread("denied")}, ("unknown", "permission", "denied")),
    ({"rule": {"State": "DISABLED"}}, (
        "broken", "event-rule",
        "the rule guardrails-compliance is disabled: the topic receives no evaluations of AWS Config")),
    ({"rule": Unread("denied")}, ("unknown", "event-rule", "denied")),
    ({"redelivery": RoleFacts(None)}, (
        "broken", "redelivery", "the role guardrails-redeliver does not exist: fixes of the responder cannot wait "
        "until CloudTrail's event history confirms an event, and are refused")),
    ({"waiting": 2}, ("broken", "dead-letters", "2 failed events wait in q")),
])
def test_each_thing_that_breaks_is_named(facts: dict[str, Any], verdict: tuple[str, str, str]) -> None:
    assert said(**facts) == [verdict]


def test_it_is_looked_for_where_something_is_to_be_fixed() -> None:
    account = Account("111111111111", "red", ("eu-west-1",), {"guardrails": "respond"})
    fix = policy("revert", ["delete"], "config-rule")
    assert said() == []
    assert responds([fix], account, "eu-west-1")
    assert not responds([fix], account, "us-east-1")
    assert not responds([policy("alert", ["notify"], "config-rule")], account, "eu-west-1")
    assert not responds([fix], replace(account, entry={}), "eu-west-1")
