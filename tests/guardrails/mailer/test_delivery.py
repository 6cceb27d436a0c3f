"""From an open port to a mail and a Slack message that say how to take the fix back, and the fix taken back so."""
from __future__ import annotations

import asyncio
import email
import email.policy
import functools
import json
import shlex
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
import yaml
from aiosmtpd.smtp import SMTP
from c7n_mailer import cli, slack_delivery, sqs_queue_processor

from custom_actions.fixing.receipt import RECEIPTS
from custom_actions.names import MAILER
from custom_actions.resources.matched_values import evidence
from guardrails.mailer import function as mailer_function
from guardrails.mailer import hardening
from guardrails.policies.policy import load
from guardrails.stacks.mailer_stack import mailer
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto
from tests.policies.harness import ROOT, TOPIC, compliance_topic

from .messages import TELL, TEMPLATES, Page

WEBHOOK = "https://hooks.slack.com/services/T000/B000/xxx"
PORTS = next(policy for policy in load() if policy.name == "security-group-admin-ports-revert")


class Post:
    """What the mail server and the chat were told."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.chats: list[tuple[str, dict[str, Any]]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Post, int]]:
    """A mail server on the port that is given, and a chat in the place of Slack's webhooks."""
    received = Post()

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.chats.append((self.path, json.loads(body)))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    chat = HTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=chat.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    loop = asyncio.new_event_loop()
    mail = loop.run_until_complete(loop.create_server(lambda: SMTP(received, loop=loop), "127.0.0.1", 0))
    turning = threading.Thread(target=loop.run_forever, daemon=True)
    turning.start()
    original = requests.post
    # The mailer knows no webhook but Slack's own: its address alone is another here.
    monkeypatch.setattr(slack_delivery.requests, "post", lambda url, **more: original(
        url.replace("https://hooks.slack.com", f"http://127.0.0.1:{chat.server_port}"), **more))
    yield received, mail.sockets[0].getsockname()[1]
    mail.close()
    loop.call_soon_threadsafe(loop.stop)
    turning.join()
    loop.close()
    chat.shutdown()
    chat.server_close()


def queue_of_the_stack(moto: Moto) -> str:
    """The topic, and the mailer's queue behind it as the template says; returns the queue's URL."""
    resources = mailer()["Resources"]
    topic = moto.client("sns").create_topic(Name=TOPIC)["TopicArn"]
    queue = str(moto.client("sqs").create_queue(QueueName=resources["Queue"]["Properties"]["QueueName"])["QueueUrl"])
    arn = moto.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    asked = resources["Subscription"]["Properties"]
    moto.client("sns").subscribe(TopicArn=topic, Protocol=asked["Protocol"], Endpoint=arn, Attributes={
        "RawMessageDelivery": str(asked["RawMessageDelivery"]).lower(),
        "FilterPolicy": json.dumps(asked["FilterPolicy"])})
    # What AWS Config says on the topic is nothing that the mailer could read.
    moto.client("sns").publish(TopicArn=topic, Message=json.dumps({"detail-type": "Config Rules Compliance Change"}))
    return queue


def run_mailer(config: dict[str, Any], directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`./run.sh c7n-mailer --run`, which by itself waits ten seconds for a message more."""
    file = directory / "mailer.yml"
    file.write_text(yaml.safe_dump(config))
    monkeypatch.setattr(sys, "argv", ["c7n-mailer", "--config", str(file), "-t", str(TEMPLATES), "--run"])
    monkeypatch.setattr(sqs_queue_processor, "MailerSqsQueueIterator", functools.partial(
        sqs_queue_processor.MailerSqsQueueIterator, timeout=0))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    mailer_function.main()


def test_what_was_closed_is_told_and_the_message_takes_it_back(
    moto: Moto, post: tuple[Post, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reopened: None,
) -> None:
    received, port = post
    queue = queue_of_the_stack(moto)
    ec2 = moto.client("ec2")
    name = "<script>alert(1)</script>"
    group = ec2.create_security_group(GroupName="front", Description="x")["GroupId"]
    ec2.create_tags(Resources=[group], Tags=[{"Key": "Name", "Value": name}])
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [
        {"CidrIp": "0.0.0.0/0", "Description": "it's \"open\" <b>"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ssh])
    engine.push(PORTS.data, tmp_path / "out", {"detail": {
        "eventName": "AuthorizeSecurityGroupIngress", "eventSource": "ec2.amazonaws.com", "eventID": "11-22",
        "eventTime": "2026-11-23T12:00:00Z", "awsRegion": REGION, "sourceIPAddress": "192.0.2.7",
        "userIdentity": {"type": "IAMUser", "userName": "mallory", "arn": f"arn:aws:iam::{ACCOUNT}:user/mallory"},
        "requestParameters": {"groupId": group},
    }})
    assert rules(ec2, group) == []

    run_mailer({
        "queue_url": queue, "region": REGION, "from_address": "guardrails@example.com", "smtp_server": "127.0.0.1",
        "smtp_port": port, "smtp_ssl": False, "slack_webhook": WEBHOOK,
        "account_emails": {ACCOUNT: ["security@example.com"]},
    }, tmp_path, monkeypatch)
    [envelope] = received.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("guardrails@example.com", ["security@example.com"])
    mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert mail["Subject"] == f"A port was opened to the internet in {ACCOUNT}"
    assert mail.get_content_type() == "text/html"
    [(path, payload)] = received.chats
    assert path == "/services/T000/B000/xxx"
    page = Page(mail.get_content())
    chat = "\n".join(block["text"]["text"] for block in payload["blocks"])
    for said in (page.text, chat.replace("&lt;", "<").replace("&gt;", ">")):
        for words in ("CRITICAL", PORTS.metadata["title"], ACCOUNT, REGION, group, name, "user/mallory", "192.0.2.7",
                      "11-22", "Fixed and verified", "reverted", "tcp", "0.0.0.0/0", "guardrails rollback"):
            assert words in said, words
    assert "script" not in {tag for tag, _ in page.tags}
    left = moto.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    assert left["Attributes"]["ApproximateNumberOfMessages"] == "0"

    [line] = [line for line in page.lines if line.startswith("aws ")]
    assert f"```{line}```" in chat
    aws, service, operation, *options, body = shlex.split(line)
    assert (aws, options) == ("aws", ["--region", REGION, "--cli-input-json"])
    getattr(moto.client(service), operation.replace("-", "_"))(**json.loads(body))
    assert rules(ec2, group) == [(22, "0.0.0.0/0", "it's \"open\" <b>")]


def test_a_strangers_messages_are_dropped_and_the_next_is_sent(
    moto: Moto, post: tuple[Post, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reopened: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    received, port = post
    queue = queue_of_the_stack(moto)
    topic = moto.client("sns").list_topics()["Topics"][0]["TopicArn"]
    proof = tmp_path / "proof"
    run = "{{ cycler.__init__.__globals__.os.popen('touch " + str(proof) + "').read() }}"
    message = {
        "policy": {"name": PORTS.name, "resource": "aws.security-group"}, "account_id": ACCOUNT, "region": REGION,
        "partition": "aws", "account": run, "event": None, "execution_start": 1.7e9,
        "resources": [{"GroupId": run, "GroupName": "{{ 7*7 }}"}],
        "action": {
            "type": "notify", "subject": run, "template": "../../etc/passwd", "slack_template": "/etc/passwd",
            "to": ["stranger@example.net", "slack://#strangers", f"arn:aws:sns:{REGION}:{ACCOUNT}:theirs"],
            "from": "ceo@example.com", "cc": ["stranger@example.net"]},
    }
    for said in ({**message, "policy": {"name": "nobody\n2026 forged line", "resource": "aws.ec2"}}, message):
        moto.client("sns").publish(TopicArn=topic, Message=hardening.packed(said), MessageAttributes={
            "mtype": {"DataType": "String", "StringValue": "maidmsg/1.0"}})
    run_mailer({
        "queue_url": queue, "region": REGION, "from_address": "guardrails@example.com", "smtp_server": "127.0.0.1",
        "smtp_port": port, "smtp_ssl": False, "account_emails": {ACCOUNT: ["security@example.com"]},
    }, tmp_path, monkeypatch)
    assert not proof.exists()
    # The second names a policy: it is that policy's mail, with the resource as text.
    [envelope] = received.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("guardrails@example.com", ["security@example.com"])
    mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert (mail["Subject"], mail["Cc"]) == (f"A port was opened to the internet in {ACCOUNT}", None)
    page = Page(mail.get_content()).text
    assert "cycler.__init__" in page and "{{ 7*7 }}" in page and "root:" not in page
    assert received.chats == []
    dropped = [record.getMessage() for record in caplog.records if "dropped" in record.getMessage()]
    assert dropped == ["message dropped: no policy of the name 'nobody\\n2026 forged line' notifies anybody"]
    left = moto.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    assert left["Attributes"]["ApproximateNumberOfMessages"] == "0"


def rules(ec2: Any, group: str) -> list[tuple[int, str, str]]:
    """Port, source and description of each rule that lets something in."""
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return [(rule["FromPort"], rule["CidrIpv4"], rule.get("Description", "")) for rule in found if not rule["IsEgress"]]


def test_the_example_is_a_configuration_and_names_what_the_template_makes() -> None:
    config = yaml.safe_load((ROOT / "mailer" / "mailer.yml").read_text())
    cli.jsonschema.validate(config, cli.CONFIG_SCHEMA)
    assert config["queue_url"].endswith(f"/{MAILER}") and config["role"].endswith(f":role/{MAILER}")


def test_a_fix_that_answers_no_event_leaves_its_receipt_too(moto: Moto, tmp_path: Path) -> None:
    moto.client("dynamodb").create_table(
        TableName="plain", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "a", "AttributeType": "S"}])
    with compliance_topic(moto.client) as messages:
        [table] = engine.pull(
            {"name": "x", "resource": "aws.dynamodb-table", "actions": ["set-kms-encryption", TELL]}, tmp_path)
    [receipt] = messages[0]["resources"][0][RECEIPTS]
    assert (receipt["resource"], receipt["outcome"]) == ("plain", "reverted")
    # What was done is no evidence of what was wrong, and leaves room for it in a verdict of 256 characters.
    assert RECEIPTS in table and RECEIPTS not in evidence(table)
