"""Subscriptions in moto wait for their confirmation, as in SNS."""
from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.sns.models import sns_backends

from tests.moto_server import ACCOUNT, REGION, Moto


@pytest.fixture
def sns(moto: Moto) -> Any:
    return moto.client("sns")


def counts(sns: Any, topic: str) -> tuple[int, int]:
    found = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    return int(found["SubscriptionsConfirmed"]), int(found["SubscriptionsPending"])


def arns(sns: Any, topic: str) -> list[str]:
    return [one["SubscriptionArn"] for one in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]]


def test_an_address_has_to_confirm(sns: Any) -> None:
    topic = sns.create_topic(Name="t")["TopicArn"]
    made = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    assert made["SubscriptionArn"] == "pending confirmation"
    assert arns(sns, topic) == ["PendingConfirmation"]
    assert [one["SubscriptionArn"] for one in sns.list_subscriptions()["Subscriptions"]] == ["PendingConfirmation"]
    assert counts(sns, topic) == (0, 1)
    with pytest.raises(ClientError, match="InvalidParameter"):
        sns.confirm_subscription(TopicArn=topic, Token="guessed")

    # What the e-mail holds.
    waiting: Any
    [waiting] = sns_backends[ACCOUNT][REGION].subscriptions.values()
    confirmed = sns.confirm_subscription(TopicArn=topic, Token=waiting.token)["SubscriptionArn"]
    assert arns(sns, topic) == [confirmed]
    assert counts(sns, topic) == (1, 0)
    attributes = sns.get_subscription_attributes(SubscriptionArn=confirmed)["Attributes"]
    assert attributes["PendingConfirmation"] == "false"


def test_asking_twice_waits_once_and_the_arn_is_told_on_request(sns: Any) -> None:
    topic = sns.create_topic(Name="t")["TopicArn"]
    asked = {"TopicArn": topic, "Protocol": "https", "Endpoint": "https://example.com/"}
    for _ in range(2):
        assert sns.subscribe(**asked)["SubscriptionArn"] == "pending confirmation"
    arn = sns.subscribe(**asked, ReturnSubscriptionArn=True)["SubscriptionArn"]
    assert arn.startswith(topic)
    assert counts(sns, topic) == (0, 1)
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"] == "true"


def test_a_queue_is_told_at_once_and_who_waits_is_not(moto: Moto, sns: Any) -> None:
    queue = moto.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q")
    # moto would post to it, and fail.
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:1/")
    assert counts(sns, topic) == (1, 1)
    sns.publish(TopicArn=topic, Message="x")
    assert len(moto.client("sqs").receive_message(QueueUrl=queue)["Messages"]) == 1
