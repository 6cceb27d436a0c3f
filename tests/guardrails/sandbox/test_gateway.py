"""What must pass through unharmed: bodies, long polls, messages, both sides' errors; and a reset."""
from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from guardrails.sandbox import Sandbox

from .conftest import deploy, eventually, open_port, security_group


def test_objects_pass_through_byte_for_byte(sandbox: Sandbox, account: str) -> None:
    s3, body = sandbox.client("s3", account), os.urandom(3_000_000)
    bucket = f"bytes-{account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a b/ü+?.bin", Body=body, Metadata={"kind": "test"})
    s3.upload_fileobj(io.BytesIO(body * 4), bucket, "multipart")  # over the threshold: several parts
    got = s3.get_object(Bucket=bucket, Key="a b/ü+?.bin")
    assert got["Body"].read() == body
    assert got["Metadata"] == {"kind": "test"}
    assert s3.head_object(Bucket=bucket, Key="multipart")["ContentLength"] == len(body) * 4
    assert s3.get_object(Bucket=bucket, Key="multipart", Range="bytes=10-19")["Body"].read() == (body * 4)[10:20]


def test_chunked_uploads_arrive(sandbox: Sandbox, account: str) -> None:
    bucket = f"chunked-{account}"
    s3 = sandbox.client("s3", account)
    s3.create_bucket(Bucket=bucket)

    class Unseekable(io.RawIOBase):
        def __init__(self) -> None:
            self.left = [b"one ", b"two"]

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self.left.pop(0) if self.left else b""

    s3.upload_fileobj(Unseekable(), bucket, "k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one two"

    # Transfer-Encoding: chunked, no length, the body in AWS's own chunks.
    import http.client
    address = sandbox.endpoint.removeprefix("http://")
    connection = http.client.HTTPConnection(address)
    connection.request("PUT", f"/{bucket}/chunks", iter([b"abc", b"def"]), {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/s3/aws4_request, x=y",
    }, encode_chunked=True)
    assert connection.getresponse().status == 200
    assert s3.get_object(Bucket=bucket, Key="chunks")["Body"].read() == b"abcdef"


def test_a_presigned_address_works(sandbox: Sandbox, account: str) -> None:
    bucket = f"presigned-{account}"
    s3 = sandbox.client("s3", account)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    address = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert urllib.request.urlopen(address).read() == b"hello"  # noqa: S310 - our own endpoint


def test_a_topics_message_reaches_its_queue(sandbox: Sandbox, account: str) -> None:
    sqs, sns = sandbox.client("sqs", account), sandbox.client("sns", account)
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    assert queue.startswith(sandbox.endpoint)
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    assert f":{account}:" in arn
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    threading.Timer(0.5, lambda: sns.publish(TopicArn=topic, Message="hello")).start()

    began = time.monotonic()
    message = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"][0]  # a long poll, as others go on
    assert 0.3 < time.monotonic() - began < 4
    assert json.loads(message["Body"])["Message"] == "hello"
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


def test_what_ministack_holds_is_apart_by_account_and_region(
    sandbox: Sandbox, account: str, other_account: str
) -> None:
    sandbox.client("events", account).put_rule(Name="r", EventPattern='{"source": ["x"]}')
    sandbox.client("sns", account).create_topic(Name="t")
    sandbox.client("logs", account).create_log_group(logGroupName="g")
    for owner, region, count in ((account, "us-east-1", 1), (account, "eu-west-1", 0), (other_account, "us-east-1", 0)):
        assert len(sandbox.client("events", owner, region).list_rules()["Rules"]) == count
        assert len(sandbox.client("sns", owner, region).list_topics()["Topics"]) == count
        assert len(sandbox.client("logs", owner, region).describe_log_groups()["logGroups"]) == count


def test_what_moto_lacks_fails_at_once_and_says_so(sandbox: Sandbox, account: str) -> None:
    began = time.monotonic()
    for service, call, arguments in (
        ("config", "describe_remediation_configurations", {"ConfigRuleNames": ["r"]}),
        ("iam", "get_organizations_access_report", {"JobId": "0" * 36}),
    ):
        with pytest.raises(ClientError, match="moto lacks this") as refused:
            getattr(sandbox.client(service, account), call)(**arguments)
        assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert time.monotonic() - began < 4


def test_reset_empties_both_sides_in_every_account(sandbox: Sandbox, account: str, other_account: str) -> None:
    source = "import boto3\ndef run(event, context): return boto3.client('sts').get_caller_identity()['Arn']\n"
    for owner in (account, other_account):
        deploy(sandbox, owner, source, events=["AuthorizeSecurityGroupIngress"])
        open_port(sandbox, owner, security_group(sandbox, owner), 22)
        sandbox.client("s3", owner).create_bucket(Bucket=f"reset-{owner}")
        sandbox.client("sqs", owner).create_queue(QueueName="q")

    sandbox.reset()

    assert sandbox.events() == []
    for owner in (account, other_account):
        assert sandbox.client("lambda", owner).list_functions()["Functions"] == []
        assert sandbox.client("events", owner).list_rules()["Rules"] == []
        assert sandbox.client("s3", owner).list_buckets()["Buckets"] == []
        assert sandbox.client("sqs", owner).list_queues().get("QueueUrls", []) == []
        groups = sandbox.client("ec2", owner).describe_security_groups()["SecurityGroups"]
        assert [group["GroupName"] for group in groups] == ["default"]
    deploy(sandbox, account, source)  # and it goes on working
    answer = sandbox.client("lambda", account).invoke(FunctionName="guard")["Payload"].read()
    assert json.loads(answer) == f"arn:aws:sts::{account}:assumed-role/guard-role/guard"


def test_the_environment_turns_a_program_here_whatever_the_user_has_set(
    sandbox: Sandbox, account: str, tmp_path: Path,
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile prod]\nregion = ap-south-1\nendpoint_url = http://127.0.0.1:1\n")
    users = {
        "AWS_PROFILE": "prod", "AWS_CONFIG_FILE": str(config), "AWS_SESSION_TOKEN": "x", "AWS_ENDPOINT_URL": "http://x",
        "HTTP_PROXY": "http://127.0.0.1:1", "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }
    code = (
        "import boto3\n"
        "print(boto3.client('sts').get_caller_identity()['Arn'], boto3.Session().region_name)\n"
        f"boto3.client('s3control').put_public_access_block(AccountId='{account}',"
        " PublicAccessBlockConfiguration={'BlockPublicAcls': True})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **users, **sandbox.environment(account, "eu-west-1")},
        capture_output=True, text=True, check=False,
    )
    assert done.stdout == f"arn:aws:iam::{account}:user/admin eu-west-1\n", done.stderr


def test_custodian_deploys_twice_and_sees_no_change_the_second_time(
    sandbox: Sandbox, account: str, tmp_path: Path,
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"policies": [{
        "name": "tag-group", "resource": "aws.security-group",
        "mode": {"type": "cloudtrail", "role": f"arn:aws:iam::{account}:role/c7n", "runtime": "python3.11", "events": [
            {"source": "ec2.amazonaws.com", "event": "AuthorizeSecurityGroupIngress",
             "ids": "requestParameters.groupId"},
        ]},
        "actions": [{"type": "tag", "tags": {"seen": "yes"}}],
    }]}))

    def custodian() -> str:
        done = subprocess.run(
            [sys.executable, "-m", "c7n.cli", "run", "-s", str(tmp_path / "out"), "--cache-period", "0", str(policy)],
            env={**os.environ, **sandbox.environment(account)}, capture_output=True, text=True, check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    functions = sandbox.client("lambda", account)
    custodian()
    first = functions.get_function_configuration(FunctionName="custodian-tag-group")
    custodian()
    second = functions.get_function_configuration(FunctionName="custodian-tag-group")
    assert first["LastModified"] == second["LastModified"]

    group = security_group(sandbox, account)
    open_port(sandbox, account, group, 22)

    def tags() -> list[dict]:
        return sandbox.client("ec2", account).describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["Tags"]

    assert eventually(tags) == [{"Key": "seen", "Value": "yes"}]
    assert sandbox.events(account)[-1]["userIdentity"]["arn"] == (
        f"arn:aws:sts::{account}:assumed-role/c7n/custodian-tag-group"
    )
