"""SNS: a subscription by e-mail or HTTP waits until the other side confirms it.

moto confirms all of them at once, counts none in a topic's attributes, and takes any token. Here such a subscription
has no ARN, is counted as pending and gets no message until ConfirmSubscription is called with its token, which AWS
sends to the endpoint, and which stands in the backend as `subscription.token`.
"""
from __future__ import annotations

import copy
import secrets
from typing import Any

from moto.core.responses import ActionResult
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend, Subscription, Topic
from moto.sns.responses import SNSResponse

from ..moto_fixes import replaces

_ASKED = ("email", "email-json", "http", "https")
"""Protocols whose endpoint must confirm. The others belong to the account, or need no confirmation."""


def apply() -> None:
    """Apply the changes, once in the server's process."""
    _wait_for_confirmation()
    _show_what_waits()
    _count()


def _wait_for_confirmation() -> None:
    original_init = Subscription.__init__
    original_publish = Subscription.publish

    @replaces(Subscription, "__init__")
    def init(subscription: Any, *args: Any, **kwargs: Any) -> None:
        original_init(subscription, *args, **kwargs)
        subscription.token = secrets.token_hex(32)
        subscription.confirmed = subscription.protocol not in _ASKED

    @replaces(Subscription, "publish")
    def publish(subscription: Any, *args: Any, **kwargs: Any) -> None:
        if subscription.confirmed:
            original_publish(subscription, *args, **kwargs)

    @replaces(SNSResponse, "confirm_subscription")
    def confirm(call: Any) -> ActionResult:
        topic = call.backend.get_topic(call._get_param("TopicArn"))
        for subscription in call.backend._get_topic_subscriptions(topic):
            if subscription.token == call._get_param("Token"):
                subscription.confirmed = True
                subscription.attributes["PendingConfirmation"] = False
                return ActionResult({"SubscriptionArn": subscription.arn})
        raise SNSInvalidParameter("Invalid parameter: Token")


def _show_what_waits() -> None:
    original_subscribe = SNSResponse.subscribe
    original_backend_subscribe = SNSBackend.subscribe

    @replaces(SNSBackend, "subscribe")
    def subscribe(backend: Any, *args: Any, **kwargs: Any) -> Any:
        subscription = original_backend_subscribe(backend, *args, **kwargs)
        subscription.attributes["PendingConfirmation"] = not subscription.confirmed
        return subscription

    @replaces(SNSResponse, "subscribe")
    def answer(call: Any) -> ActionResult:
        result = original_subscribe(call)
        found = call.backend._find_subscription(
            call._get_param("TopicArn"), call._get_param("Endpoint"), call._get_param("Protocol"))
        if found.confirmed or call._get_bool_param("ReturnSubscriptionArn"):
            return result
        return ActionResult({"SubscriptionArn": "pending confirmation"})

    for name in ("list_subscriptions", "list_subscriptions_by_topic"):
        _without_arn(name)


def _without_arn(name: str) -> None:
    original = getattr(SNSResponse, name)

    @replaces(SNSResponse, name)
    def listed(call: Any) -> ActionResult:
        result = original(call).result
        return ActionResult({**result, "Subscriptions": [_shown(one) for one in result["Subscriptions"]]})


def _shown(subscription: Any) -> Any:
    if subscription.confirmed:
        return subscription
    shown = copy.copy(subscription)
    shown.arn = "PendingConfirmation"
    return shown


def _count() -> None:
    def count(confirmed: bool) -> property:
        return property(
            lambda topic: sum(
                one.confirmed is confirmed for one in topic.sns_backend._get_topic_subscriptions(topic)),
            lambda topic, value: None,  # moto writes a 0 when it makes the topic
        )

    # moto's own spelling.
    replaces(Topic, "subscriptions_confimed")(count(True))
    replaces(Topic, "subscriptions_pending")(count(False))
