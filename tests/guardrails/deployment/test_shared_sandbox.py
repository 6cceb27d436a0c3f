"""Realtime functions fail, or quarrel with a script, in the sandbox: bounded, told, and named by doctor."""
from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from custom_actions.names import EVENTS_QUEUE, STATE_TABLE, TOPIC
from guardrails.cli.main import main
from guardrails.policies.policy import load
from guardrails.sandbox import Sandbox
from guardrails.stacks.iam.operator import of_deploy, of_doctor
from tests.guardrails.sandbox.conftest import eventually, open_port, security_group
from tests.sandboxed import MODE, not_allowed, sandboxed

HOME, RED = "999999999999", "666666666666"
REGION = "eu-west-1"
TELL = ("{type: notify, to: [security], transport: {type: sns, "
        f'topic: "arn:aws:sns:{{region}}:{{account_id}}:{TOPIC}"}}}}')
POLICIES = MODE + f"""  - name: ssh
    resource: aws.security-group
    metadata: {{response: revert}}
    mode:
      <<: *mode
      type: cloudtrail
      events: [{{source: ec2.amazonaws.com, event: AuthorizeSecurityGroupIngress, ids: requestParameters.groupId}}]
    filters: [{{type: ingress-drift, forbidden: [tcp 22 from world, tcp 80 from world]}}]
    actions: [{{type: revert-ingress, otherwise: {TELL}}}]
  - name: keys
    resource: aws.kms-key
    metadata: {{response: enable}}
    mode:
      <<: *mode
      type: cloudtrail
      # All calls of this function to KMS are denied.
      environment: {{Variables: {{AWS_ENDPOINT_URL_KMS: "DENYING"}}}}
      events: [{{source: kms.amazonaws.com, event: DisableKey, ids: requestParameters.keyId}}]
    actions: [{{type: revert-key, otherwise: {TELL}}}]
"""


class _Deny(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps({"__type": "AccessDeniedException", "message": "not authorized"}).encode()
        self.send_response(400)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def denying() -> Iterator[str]:
    """The address of a KMS that answers every call with AccessDeniedException."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Deny)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with sandboxed(tmp_path, monkeypatch, HOME, REGION) as running, denying() as address:
        (tmp_path / "policies").mkdir()
        (tmp_path / "policies" / "all.yml").write_text(POLICIES.replace("DENYING", address))
        (tmp_path / "accounts.yml").write_text(
            f"accounts:\n- {{name: red, account_id: '{RED}', role: arn:aws:iam::{RED}:role/deploy, "
            f"regions: [{REGION}], guardrails: heal}}\n")
        running.client("iam", RED).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
        yield running


def call(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, [*arguments, "-c", "accounts.yml", "--policies", "policies"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.output


def doctor() -> dict[str, tuple[str, str]]:
    """The checks of the region."""
    done = CliRunner().invoke(main, ["doctor", "--json", "-v", "-c", "accounts.yml", "--policies", "policies"])
    return {check["check"]: (check["state"], check["reason"]) for check in json.loads(done.stdout)["checks"]
            if not check["policy"]}


def test_failures_and_quarrels_end_and_are_told(sandbox: Sandbox) -> None:
    clients: dict[str, Any] = {
        name: sandbox.client(name, RED, REGION) for name in ("sns", "sqs", "ec2", "kms", "dynamodb", "events")}
    sqs = clients["sqs"]
    topic = clients["sns"].create_topic(Name=TOPIC)["TopicArn"]
    inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    clients["sns"].subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{RED}:inbox")

    code, said = call("deploy", "--yes", "-o", "deploy")
    assert code == 0, said
    assert "Dead-letter queues and state tables of realtime functions: 2 create" in said and EVENTS_QUEUE in said
    shared = json.loads(Path("deploy/deploy.json").read_text())["shared"]
    assert [(each["name"], each["outcome"]) for each in shared] == [(EVENTS_QUEUE, "created"), (STATE_TABLE, "created")]
    code, planned = call("deploy", "--dry-run")
    assert code == 0 and "2 unchanged" in planned and "state tables of realtime functions: 2 unchanged" in planned
    target = clients["events"].list_targets_by_rule(Rule="custodian-ssh")["Targets"][0]
    assert target["DeadLetterConfig"] == {"Arn": f"arn:aws:sqs:{REGION}:{RED}:{EVENTS_QUEUE}"}

    told: list[Any] = []

    def messages() -> list[Any]:
        for each in sqs.receive_message(QueueUrl=inbox, MaxNumberOfMessages=10).get("Messages", ()):
            sqs.delete_message(QueueUrl=inbox, ReceiptHandle=each["ReceiptHandle"])
            told.append(_unpacked(json.loads(each["Body"])["Message"]))
        return told

    # A function that may not read its resource.
    key = clients["kms"].create_key()["KeyMetadata"]["KeyId"]
    clients["kms"].disable_key(KeyId=key)

    # Meanwhile, a script opens a port again and again.
    group = security_group(sandbox, RED, REGION, "fought-over")

    def ports() -> set[int]:
        [found] = clients["ec2"].describe_security_groups(GroupIds=[group])["SecurityGroups"]
        return {each["FromPort"] for each in found["IpPermissions"]}

    for _ in range(3):
        open_port(sandbox, RED, group, 22, REGION)
        eventually(lambda: not ports(), 60)
    open_port(sandbox, RED, group, 22, REGION)
    eventually(lambda: any("somebody undoes it" in each["action"]["subject"] for each in messages()), 60)
    for _ in range(2):
        clients["ec2"].revoke_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
        open_port(sandbox, RED, group, 22, REGION)
    # The six openings are handled. A function that still looked at the group would close the next one too.
    eventually(lambda: sandbox.logs("custodian-ssh", RED, REGION).count("END RequestId") == 6, 60)
    # Another opening is closed.
    open_port(sandbox, RED, group, 80, REGION)
    eventually(lambda: ports() == {22}, 60)
    sandbox.settle()
    ours = [each for each in sandbox.events(RED) if each["eventName"] == "RevokeSecurityGroupIngress"
            and "guardrails" in each["userIdentity"]["arn"]]
    assert len(ours) == 4, ours

    queue = sqs.get_queue_url(QueueName=EVENTS_QUEUE)["QueueUrl"]
    eventually(lambda: sqs.get_queue_attributes(
        QueueUrl=queue, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessages"] == "1", 60)
    assert sandbox.logs("custodian-keys", RED, REGION).count("AccessDeniedException") >= 3
    subjects = sorted(each["action"]["subject"] for each in messages() if each["action"].get("subject"))
    assert subjects == [
        "[high] {{ policy.name }} failed on an event in {{ account_id }}",
        "[high] {{ policy.name }} stopped a fix in {{ account_id }}: somebody undoes it again and again"]
    found = doctor()
    assert (found["failed-events"][0], found["state-table"][0]) == ("broken", "ok")
    assert found["failed-events"][1].startswith(f"1 failed events wait in {EVENTS_QUEUE}: DisableKey for keys: ")
    assert "AccessDeniedException" in found["failed-events"][1]
    assert found["quarrels"][0] == "broken"
    assert f"ssh on {group} in account {RED}, {REGION}, since " in found["quarrels"][1]
    assert f"undone by arn:aws:iam::{RED}:user/admin (AuthorizeSecurityGroupIngress)" in found["quarrels"][1]

    # What doctor says to do, and what undeploy leaves.
    messages_file = Path("failed.json")
    messages_file.write_text(json.dumps(sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0), default=str))
    replayed = CliRunner().invoke(main, ["replay", str(messages_file), "--policies", "policies", "--offline"])
    assert "reaches 1 of 2 policies" in replayed.output, replayed.output
    code, said = call("undeploy", "*", "--yes")
    assert code == 0 and f"the dead-letter queue {EVENTS_QUEUE} is kept: 1 failed events wait in it" in said, said
    assert clients["dynamodb"].list_tables()["TableNames"] == []
    sqs.purge_queue(QueueUrl=queue)
    code, said = call("undeploy", "*", "--yes")
    assert (code, "COMPLETE: 1 of 1 removed" in said) == (0, True), said
    assert not sqs.list_queues(QueueNamePrefix=EVENTS_QUEUE).get("QueueUrls")
    needed = [*of_deploy(load(Path("policies"))), *of_doctor()]
    assert not_allowed(sandbox, f"arn:aws:iam::{RED}:role/deploy", *needed) == set()


def _unpacked(message: str) -> Any:
    import base64
    import zlib

    return json.loads(zlib.decompress(base64.b64decode(message)))
