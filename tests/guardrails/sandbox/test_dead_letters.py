"""A function that fails gets its event three times, and then the dead-letter queue has it, as on AWS."""
from __future__ import annotations

import json
from typing import Any

from guardrails.sandbox import Sandbox

from .conftest import deploy, eventually, open_port, security_group

FAILS = """
def run(event, context):
    print("tried")
    raise ValueError("it cannot be read")
"""


def test_a_failed_event_is_tried_again_and_ends_in_the_queue(sandbox: Sandbox, account: str) -> None:
    sqs = sandbox.client("sqs", account)
    url = sqs.create_queue(QueueName="failed")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{account}:failed"
    deploy(sandbox, account, FAILS, events=["AuthorizeSecurityGroupIngress"], DeadLetterConfig={"TargetArn": arn})
    group = security_group(sandbox, account)
    open_port(sandbox, account, group, 22)

    def receive() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = sqs.receive_message(
            QueueUrl=url, MessageAttributeNames=["All"], VisibilityTimeout=0).get("Messages", [])
        return found

    [message] = eventually(receive, 60)
    assert sandbox.logs("guard", account).count("tried") == 3
    event = json.loads(message["Body"])
    assert event["detail"]["requestParameters"]["groupId"] == group
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (attributes["ErrorCode"], attributes["ErrorMessage"]) == ("200", "it cannot be read")
    # It was only looked at.
    assert receive()
