"""Messages about fixes, in every mode: what they contain, and what happens when they cannot be sent."""
from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from custom_actions.fixing.receipt import FixIncomplete
from custom_actions.fixing.telling import MessageNotSent
from tests import engine
from tests.moto_server import ACCOUNT, REGION

from .cloud import Cloud, event, policy, receipts, record

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:told"


def notify(subject: str) -> dict[str, Any]:
    return {"type": "notify", "to": ["somebody"], "subject": subject, "transport": {"type": "sns", "topic": TOPIC}}


class Inbox:
    """The messages of the topic."""

    def __init__(self, cloud: Cloud) -> None:
        self._sqs = cloud.client("sqs")
        self._queue = self._sqs.create_queue(QueueName="told")["QueueUrl"]
        cloud.client("sns").create_topic(Name="told")
        cloud.client("sns").subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:told")

    def read(self) -> list[tuple[str, dict[str, list[str]]]]:
        """Subject, and the outcomes of the receipts of each resource."""
        found = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", ())
        bodies = (json.loads(zlib.decompress(base64.b64decode(json.loads(each["Body"])["Message"]))) for each in found)
        return [(body["action"]["subject"], {
            resource["UserName"]: [receipt["outcome"] for receipt in resource["c7n:Receipts"]]
            for resource in body["resources"]}) for body in bodies]


@pytest.fixture
def arn(cloud: Cloud) -> str:
    """A managed policy that the user `one` has, and `two` and `three` do not have."""
    iam = cloud.client("iam")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    made = str(iam.create_policy(PolicyName="wanted", PolicyDocument=json.dumps(document))["Policy"]["Arn"])
    for name in ("one", "two", "three"):
        iam.create_user(UserName=name)
    iam.attach_user_policy(UserName="one", PolicyArn=made)
    return made


def fixes(arn: str, kind: str) -> dict[str, Any]:
    """A policy with a fix of c7n's or of ours, that tells."""
    data: dict[str, Any] = {"name": "undo", "resource": "aws.iam-user"}
    if kind == "native":
        fix: dict[str, Any] = {"type": "set-policy", "state": "attached", "arn": arn}
    else:
        fix = {"type": "attach-missing-policies"}
        data["filters"] = [{"type": "missing-policies", "policies": ["wanted"]}]
    return {**data, "actions": [{**fix, "otherwise": notify("not fixed")}, notify("fixed")]}


@pytest.mark.parametrize("kind", ["native", "own"])
def test_a_message_names_only_what_was_changed(cloud: Cloud, tmp_path: Path, arn: str, kind: str) -> None:
    inbox = Inbox(cloud)
    engine.pull(fixes(arn, kind), tmp_path)
    assert inbox.read() == [("fixed", {"two": ["reverted"], "three": ["reverted"]})]
    engine.pull(fixes(arn, kind), tmp_path)
    assert inbox.read() == []


@pytest.mark.parametrize("kind", ["native", "own"])
def test_otherwise_tells_of_what_could_not_be_fixed(cloud: Cloud, tmp_path: Path, arn: str, kind: str) -> None:
    cloud.client("iam").attach_user_policy(UserName="two", PolicyArn=arn)
    inbox = Inbox(cloud)
    cloud.denied.add("AttachUserPolicy")
    data = fixes(arn, kind)
    with pytest.raises(FixIncomplete, match="three failed: AttachUserPolicy: AccessDenied"):
        engine.pull({**data, "filters": [{"UserName": "three"}, *data.get("filters", ())]}, tmp_path)
    assert inbox.read() == [("not fixed", {"three": ["failed"]})]


def test_without_a_topic_a_fix_on_the_command_line_is_complete(
    cloud: Cloud, tmp_path: Path, arn: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = fixes(arn, "native")
    engine.pull(data, tmp_path)
    assert {receipt["outcome"] for receipt in receipts(tmp_path, "set-policy")} == {"reverted", "already-ok"}
    [line] = [each.getMessage() for each in caplog.records if "was not sent" in each.getMessage()]
    assert "NotFound" in line and "Create the topic" in line
    # A policy that only tells fails, as ever.
    with pytest.raises(ClientError, match="NotFound"):
        engine.pull({**data, "actions": [notify("x")]}, tmp_path)


def test_without_a_topic_a_function_fails(cloud: Cloud, tmp_path: Path, arn: str) -> None:
    made = record("CreateUser", {"userName": "two"}, {"user": {"userName": "two"}}, source="iam")
    data = {**policy("iam-user", "x", "iam", ("CreateUser", "responseElements.user.userName")),
            "actions": fixes(arn, "native")["actions"]}
    with pytest.raises(MessageNotSent, match="NotFound"):
        engine.push(data, tmp_path, event(made))
    [receipt] = receipts(tmp_path, "set-policy")
    assert (receipt["resource"], receipt["outcome"]) == ("two", "reverted")
    assert receipt["caused_by"]["arn"].endswith("somebody/session")


def test_an_action_after_the_fix_gets_every_resource(cloud: Cloud, tmp_path: Path, arn: str) -> None:
    data = fixes(arn, "native")
    engine.pull({**data, "actions": [
        data["actions"][0], {"type": "mark-for-op", "tag": "seen", "op": "delete", "days": 1}]}, tmp_path)
    iam = cloud.client("iam")
    assert all(iam.list_user_tags(UserName=name)["Tags"] for name in ("one", "two", "three"))
