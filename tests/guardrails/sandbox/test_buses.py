"""EventBridge between accounts and regions: an event goes one hop, where the other bus lets it."""
from __future__ import annotations

import json
from typing import Any

from guardrails.sandbox import Sandbox

MEMBER, HUB, THIRD = "310000000001", "310000000002", "310000000003"
HOME, AWAY = "eu-west-1", "eu-north-1"
PATTERN = json.dumps({"source": ["test"]})


def bus(account: str, region: str = HOME) -> str:
    return f"arn:aws:events:{region}:{account}:event-bus/default"


def sends(sandbox: Sandbox, account: str, region: str, to: str) -> None:
    """Have the account's default bus send on what the test puts there."""
    events = sandbox.client("events", account, region)
    events.put_rule(Name="forward", EventPattern=PATTERN)
    events.put_targets(Rule="forward", Targets=[
        {"Id": "hub", "Arn": to, "RoleArn": f"arn:aws:iam::{account}:role/forward"}])


def listens(sandbox: Sandbox, account: str) -> str:
    """A queue that receives what arrives at the account's default bus."""
    sqs, events = sandbox.client("sqs", account, HOME), sandbox.client("events", account, HOME)
    url = str(sqs.create_queue(QueueName="arrived")["QueueUrl"])
    events.put_rule(Name="arrived", EventPattern=PATTERN)
    events.put_targets(Rule="arrived", Targets=[
        {"Id": "queue", "Arn": f"arn:aws:sqs:{HOME}:{account}:arrived"}])
    return url


def put(sandbox: Sandbox, account: str, region: str, name: str) -> None:
    answer = sandbox.client("events", account, region).put_events(Entries=[
        {"Source": "test", "DetailType": "test", "Detail": json.dumps({"name": name})}])
    assert not answer["FailedEntryCount"]


def arrived(sandbox: Sandbox, account: str, url: str) -> list[dict[str, Any]]:
    answer = sandbox.client("sqs", account, HOME).receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", ())]


def test_an_event_crosses_accounts_and_regions_where_it_may_and_no_further(sandbox: Sandbox) -> None:
    hub, third = listens(sandbox, HUB), listens(sandbox, THIRD)
    sends(sandbox, MEMBER, AWAY, to=bus(HUB))
    put(sandbox, MEMBER, AWAY, "before")
    assert arrived(sandbox, HUB, hub) == []

    for account in (HUB, THIRD):
        sandbox.client("events", account, HOME).put_permission(
            StatementId="members", Action="events:PutEvents", Principal="*",
            Condition={"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-example"})
    sends(sandbox, HUB, HOME, to=bus(THIRD))
    put(sandbox, MEMBER, AWAY, "after")
    put(sandbox, HUB, HOME, "own")
    [first, second] = arrived(sandbox, HUB, hub)
    assert (first["account"], first["region"], first["detail"]) == (MEMBER, AWAY, {"name": "after"})
    assert (second["account"], second["region"]) == (HUB, HOME)
    assert [event["detail"]["name"] for event in arrived(sandbox, THIRD, third)] == ["own"]
