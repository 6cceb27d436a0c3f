"""The queue and the table of realtime functions: created, corrected, verified, kept and removed, against moto."""
from __future__ import annotations

import json
from typing import Any

import pytest

from custom_actions.names import EVENTS_QUEUE, STATE_TABLE
from guardrails.accounts.account import Account
from guardrails.deployment import shared
from guardrails.deployment.plans import DeploymentChange
from guardrails.deployment.shared import SharedKind
from tests.moto_server import ACCOUNT, REGION, Moto

RED = Account(ACCOUNT, "red", (REGION,))
PLACES = [(RED, REGION)]
CREATE, UPDATE, UNCHANGED, UNKNOWN = (
    DeploymentChange.CREATE, DeploymentChange.UPDATE, DeploymentChange.UNCHANGED, DeploymentChange.UNKNOWN)


def changes() -> list[tuple[DeploymentChange, str]]:
    return [(each.change, each.reason) for each in shared.plan(PLACES)]


def deploy() -> list[tuple[str, str]]:
    return [(each.outcome, each.reason) for each in shared.deploy(shared.plan(PLACES), lambda: shared.plan(PLACES))]


@pytest.fixture
def sqs(moto: Moto) -> Any:
    return moto.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    """The queue's address; both resources are deployed."""
    deploy()
    return str(sqs.get_queue_url(QueueName=EVENTS_QUEUE)["QueueUrl"])


def test_both_are_created_once(moto: Moto, sqs: Any) -> None:
    assert changes() == [(CREATE, "")] * 2
    assert deploy() == [("created", "")] * 2
    assert deploy() == [("unchanged", "")] * 2
    url = sqs.get_queue_url(QueueName=EVENTS_QUEUE)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (found["MessageRetentionPeriod"], found["SqsManagedSseEnabled"]) == ("1209600", "true")
    table = moto.client("dynamodb").describe_table(TableName=STATE_TABLE)["Table"]
    assert table["SSEDescription"]["Status"] == "ENABLED"
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_only_our_rules_and_roles_send_and_nobody_without_tls() -> None:
    policy = json.loads(shared.queue_attributes("111111111111", "eu-west-1")["Policy"])
    by_sid = {each["Sid"]: each for each in policy["Statement"]}
    assert by_sid["EventBridge"]["Condition"]["ArnLike"]["aws:SourceArn"] == [
        "arn:aws:events:eu-west-1:111111111111:rule/custodian-*",
        "arn:aws:events:eu-west-1:111111111111:rule/guardrails/*"]
    assert by_sid["FunctionsOnly"]["Effect"] == "Deny"
    assert by_sid["FunctionsOnly"]["Condition"]["ArnNotLike"]["aws:PrincipalArn"] == [
        "arn:aws:iam::111111111111:role/guardrails*", "arn:aws:iam::111111111111:role/custodian-*"]
    assert by_sid["Encrypted"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert shared.queue_arn("1", "cn-north-1") == "arn:aws-cn:sqs:cn-north-1:1:guardrails-events-failed"


@pytest.mark.parametrize(("attributes", "named"), [
    ({"MessageRetentionPeriod": "60"}, "MessageRetentionPeriod"),
    ({"Policy": json.dumps({"Version": "2012-10-17", "Statement": []})}, "Policy"),
])
def test_what_somebody_changed_is_put_right(sqs: Any, url: str, attributes: dict[str, str], named: str) -> None:
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    (change, reason), table = changes()
    # moto forgets the policy when another attribute is set.
    assert (change, table) == (UPDATE, (UNCHANGED, "")) and named in reason.split(", ")
    assert deploy() == [("updated", reason), ("unchanged", "")]
    assert changes() == [(UNCHANGED, "")] * 2


def test_a_key_of_ones_own_is_left() -> None:
    wanted = shared.queue_attributes("1", REGION)
    assert shared.queue_differences({**wanted, "SqsManagedSseEnabled": "false"}, wanted) == {
        "SqsManagedSseEnabled": "true"}
    assert shared.queue_differences({**wanted, "SqsManagedSseEnabled": "false", "KmsMasterKeyId": "k"}, wanted) == {}


def test_a_table_that_is_not_encrypted_or_never_forgets_is_put_right(moto: Moto, url: str) -> None:
    dynamodb = moto.client("dynamodb")
    dynamodb.update_table(TableName=STATE_TABLE, SSESpecification={"Enabled": False})
    dynamodb.update_time_to_live(
        TableName=STATE_TABLE, TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires"})
    assert changes()[1] == (UPDATE, "SSESpecification, TTL")
    assert deploy()[1] == ("updated", "SSESpecification, TTL")


def test_what_is_not_ours_is_not_touched(moto: Moto, sqs: Any) -> None:
    sqs.create_queue(QueueName=EVENTS_QUEUE)
    definition = {**shared.table_definition(), "Tags": []}
    moto.client("dynamodb").create_table(**definition)
    assert [change for change, _ in changes()] == [UNKNOWN] * 2
    failed = deploy()
    assert [outcome for outcome, _ in failed] == ["failed"] * 2
    assert all("has no tag project=aws-guardrails" in reason for _, reason in failed)
    leftovers, kept, unknown = shared.surplus(PLACES)
    assert (leftovers, len(kept), unknown) == ([], 2, [])


def test_a_queue_with_a_message_stays_and_goes_when_it_is_empty(moto: Moto, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    [table], [(place, why)], unknown = shared.surplus(PLACES)
    assert (table.kind, place, unknown) == (SharedKind.TABLE, (RED, REGION), [])
    assert "1 failed events wait in it" in why
    sqs.purge_queue(QueueUrl=url)
    [queue, table], kept, _ = shared.surplus(PLACES)
    assert kept == []
    # A message that arrives after the plan counts.
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    assert "1 failed events" in shared.remove(queue)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert [shared.remove(each) for each in (queue, table)] == ["", ""]
    assert shared.surplus(PLACES) == ([], [], [])


def test_a_refused_call_is_an_unknown_and_a_failure(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    original = BaseClient._make_api_call
    refused = {"CreateQueue"}

    def make(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)
        return original(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", make)
    assert deploy() == [("failed", "AccessDenied on CreateQueue: no"), ("created", "")]
    refused.add("GetQueueUrl")
    assert changes()[0] == (UNKNOWN, "AccessDenied on GetQueueUrl: no")
    leftovers, kept, [(place, why)] = shared.surplus(PLACES)
    assert (place, "AccessDenied" in why, kept, len(leftovers)) == ((RED, REGION), True, [], 1)
