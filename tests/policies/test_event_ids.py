"""The ids that realtime policies find in an event are those by which c7n finds the resource, in every form of a name.

The sources are published records of CloudTrail: Lambda's AddPermission20150331v2 by CloudFormation (an ARN) and by a
person (a name), SQS's and Secrets Manager's user guides, and EC2's ModifyInstanceMetadataOptions.
"""
from __future__ import annotations

from typing import Any

import pytest
from c7n.cwe import CloudWatchEvents

from .harness import policies

OWN, OTHER = "123456789012", "999988887777"
FUNCTION = f"arn:aws:lambda:us-east-1:{OWN}:function:pay-in"
TOPIC = f"arn:aws:sns:us-east-1:{OWN}:jobs"
SECRET = f"arn:aws:secretsmanager:us-east-1:{OWN}:secret:app/db-main-AbC1d2"


def ids(policy: str, event: str, request: Any, response: Any = None) -> set[str]:
    _, data = policies()[policy]
    # c7n knows some events by their name alone.
    known = [each for each in data["mode"]["events"] if isinstance(each, dict)]
    source = next(each["source"] for each in known if each["event"] == event)
    record = {
        "eventSource": source, "eventName": event, "recipientAccountId": OWN,
        "requestParameters": request, "responseElements": response}
    return set(CloudWatchEvents.get_ids({"detail": record}, data["mode"]))


@pytest.mark.parametrize("given", [
    "pay-in", "pay-in:live", FUNCTION, f"{FUNCTION}:live", f"{OWN}:function:pay-in", f"{OWN}:function:pay-in:live"])
def test_a_function_by_its_name_whatever_the_request_had(given: str) -> None:
    assert ids("lambda-function-public-revert", "AddPermission20150331v2", {"functionName": given}) == {"pay-in"}


def test_a_queue_by_its_name() -> None:
    url = {"queueUrl": f"https://sqs.us-east-1.amazonaws.com/{OWN}/jobs.fifo"}
    assert ids("sqs-queue-public-revert", "SetQueueAttributes", url) == {"jobs.fifo"}
    assert ids("sqs-queue-public-revert", "AddPermission", url) == {"jobs.fifo"}
    assert ids("sqs-queue-public-revert", "CreateQueue", {"queueName": "jobs"}, url) == {"jobs"}


def test_a_topic_by_its_arn_only_in_the_account_of_the_event() -> None:
    for event in ("SetTopicAttributes", "AddPermission"):
        assert ids("sns-topic-public-revert", event, {"topicArn": TOPIC}) == {TOPIC}
        assert ids("sns-topic-public-revert", event, {"topicArn": TOPIC.replace(OWN, OTHER)}) == set()
    assert ids("sns-topic-public-revert", "CreateTopic", {"name": "jobs"}, {"topicArn": TOPIC}) == {TOPIC}


def test_a_secret_by_its_name_which_may_have_hyphens() -> None:
    assert ids("secret-public-revert", "PutResourcePolicy", {"secretId": "app/db-main"}) == {"app/db-main"}
    # An ARN may lack the six characters.
    for arn in (SECRET, SECRET.removesuffix("-AbC1d2")):
        assert "app/db-main" in ids("secret-public-revert", "PutResourcePolicy", {"secretId": arn})


def test_an_instance_of_a_request_in_the_newer_form() -> None:
    request = {"ModifyInstanceMetadataOptionsRequest": {"InstanceId": "i-1", "HttpTokens": "optional"}}
    assert ids("ec2-imdsv1-revert", "ModifyInstanceMetadataOptions", request) == {"i-1"}


@pytest.mark.parametrize("request_", [None, {}, "x", 7, [], {"topicArn": None}, {"functionName": ""}])
def test_an_event_without_the_name_is_about_nothing(request_: Any) -> None:
    """So is that of a call that AWS refused before it read the name."""
    for policy, event in (
        ("lambda-function-public-revert", "AddPermission20150331v2"), ("sqs-queue-public-revert", "SetQueueAttributes"),
        ("sns-topic-public-revert", "SetTopicAttributes"), ("sns-topic-public-revert", "CreateTopic"),
        ("ecr-repository-public-revert", "SetRepositoryPolicy"), ("secret-public-revert", "PutResourcePolicy"),
        ("ssm-document-published-revert", "ModifyDocumentPermission"), ("redshift-public-revert", "ModifyCluster"),
        ("ec2-imdsv1-revert", "ModifyInstanceMetadataOptions"),
    ):
        assert ids(policy, event, request_) == set(), policy
