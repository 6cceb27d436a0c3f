"""A change by anyone runs the deployed function of that account and region, which acts as its role."""
from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import guardrails
from guardrails.sandbox import Sandbox

from .conftest import deploy, eventually, open_port, printed, security_group

GUARD = '''
import json, os
import boto3

def importable(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True

def run(event, context):
    detail = event["detail"]
    arn = boto3.client("sts").get_caller_identity()["Arn"]
    boto3.client("ec2").create_tags(
        Resources=[detail["requestParameters"]["groupId"]], Tags=[{"Key": "seen-by", "Value": arn}])
    print(json.dumps({
        "arn": arn, "event": event,
        "importable": [name for name in ("guardrails", "custom_actions", "c7n", "moto") if importable(name)],
        "source": [value for value in os.environ.values() if SOURCE in value],
    }))
'''.replace("SOURCE", repr(str(Path(guardrails.__file__).parent)))


def test_a_change_runs_the_function_of_its_account_as_that_functions_role(
    sandbox: Sandbox, account: str, other_account: str
) -> None:
    for owner in (account, other_account):
        deploy(sandbox, owner, GUARD, events=["AuthorizeSecurityGroupIngress"])
    group = security_group(sandbox, account)

    open_port(sandbox, account, group, 22)

    output = eventually(lambda: printed(sandbox, account))[0]
    session = f"arn:aws:sts::{account}:assumed-role/guard-role/guard"
    assert output["arn"] == session
    assert output["importable"] == []
    assert output["source"] == []
    assert output["event"]["account"] == account
    assert output["event"]["region"] == "us-east-1"
    assert output["event"]["version"] == "0"
    assert output["event"]["detail-type"] == "AWS API Call via CloudTrail"
    assert output["event"]["detail"]["userIdentity"]["arn"] == f"arn:aws:iam::{account}:user/admin"

    tagging = next(event for event in sandbox.events(account) if event["eventName"] == "CreateTags")
    identity = tagging["userIdentity"]
    assert identity["type"] == "AssumedRole"
    assert identity["arn"] == session
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == f"arn:aws:iam::{account}:role/guard-role"
    assert identity["sessionContext"]["sessionIssuer"]["userName"] == "guard-role"
    assert printed(sandbox, other_account) == []


def test_regions_are_apart(sandbox: Sandbox, account: str) -> None:
    for region in ("us-east-1", "eu-west-1"):
        deploy(sandbox, account, GUARD, region=region, events=["AuthorizeSecurityGroupIngress"])
    group = security_group(sandbox, account, "eu-west-1")

    open_port(sandbox, account, group, 22, "eu-west-1")

    output = eventually(lambda: printed(sandbox, account, "eu-west-1"))[0]
    assert output["event"]["region"] == "eu-west-1"
    assert output["event"]["detail"]["awsRegion"] == "eu-west-1"
    assert printed(sandbox, account, "us-east-1") == []


EVERY_PROTOCOL = '''
import boto3, json

def run(event, context):
    boto3.client("ec2").create_security_group(GroupName="by-function", Description="x")       # ec2
    boto3.client("iam").create_user(UserName="by-function")                                    # query
    key = boto3.client("kms").create_key()["KeyMetadata"]["KeyId"]                             # json
    bucket = event["bucket"]
    s3 = boto3.client("s3")                                                                    # rest-xml
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a key/with spaces+plus", Body=b"\\x00\\xff")
    body = s3.get_object(Bucket=bucket, Key="a key/with spaces+plus")["Body"].read()
    boto3.client("guardduty").create_detector(Enable=True)                                     # rest-json
    boto3.client("s3control").put_public_access_block(
        AccountId=event["account"], PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    boto3.client("sqs").create_queue(QueueName="by-function")                                  # ministack
    other = boto3.client("sts").assume_role(
        RoleArn=event["role"], RoleSessionName="from-function")["Credentials"]
    there = boto3.Session(other["AccessKeyId"], other["SecretAccessKey"], other["SessionToken"])
    there.client("ec2").create_security_group(GroupName="from-function", Description="x")
    return {"body": list(body), "other": there.client("sts").get_caller_identity()["Arn"]}
'''


def test_every_protocol_carries_the_functions_identity(sandbox: Sandbox, account: str, other_account: str) -> None:
    deploy(sandbox, account, EVERY_PROTOCOL, name="all", role="path/to/all-role")
    event = {
        "account": account, "bucket": f"by-function-{account}", "role": f"arn:aws:iam::{other_account}:role/auditor"
    }

    answer = sandbox.client("lambda", account).invoke(FunctionName="all", Payload=json.dumps(event))
    payload = json.loads(answer["Payload"].read())

    assert payload == {
        "body": [0, 255], "other": f"arn:aws:sts::{other_account}:assumed-role/auditor/from-function"
    }
    events = {event["eventName"]: event for event in sandbox.events(account)}
    assert set(events) == {
        "CreateSecurityGroup", "CreateUser", "CreateKey", "CreateBucket", "CreateDetector",
        "PutAccountPublicAccessBlock",
    }
    for event in events.values():
        assert event["userIdentity"]["arn"] == f"arn:aws:sts::{account}:assumed-role/all-role/all"
        issuer = event["userIdentity"]["sessionContext"]["sessionIssuer"]
        assert issuer["arn"] == f"arn:aws:iam::{account}:role/path/to/all-role"
    theirs, = sandbox.events(other_account)
    assert theirs["userIdentity"]["arn"] == payload["other"]
    assert theirs["recipientAccountId"] == other_account
    assert sandbox.client("sqs", account).list_queues()["QueueUrls"]


def test_a_long_log_is_read_page_by_page(sandbox: Sandbox, account: str) -> None:
    deploy(sandbox, account, "def run(event, context):\n    for number in range(6000): print('line', number)\n")
    for _ in range(2):
        sandbox.client("lambda", account).invoke(FunctionName="guard")
    lines = [f"line {number}" for number in range(6000)]
    assert [line for line in sandbox.logs("guard", account).splitlines() if line.startswith("line ")] == lines * 2
    assert sandbox.logs("guard", account, pattern="4321").splitlines() == ["line 4321"] * 2
    few = sandbox.client("logs", account).get_paginator("filter_log_events").paginate(
        logGroupName="/aws/lambda/guard", filterPattern="line", limit=1000)
    assert [event["message"].strip() for page in few for event in page["events"]] == lines * 2


def test_the_added_address_is_not_shown_and_the_owners_variables_stay(sandbox: Sandbox, account: str) -> None:
    source = "import os\ndef run(event, context): return [os.environ.get('MODE'), os.environ['AWS_ENDPOINT_URL']]\n"
    functions = sandbox.client("lambda", account)

    def called() -> list[str]:
        return json.loads(functions.invoke(FunctionName="guard")["Payload"].read())

    made = deploy(sandbox, account, source)
    assert "Environment" not in made
    assert "/_function/" in called()[1]

    updated = functions.update_function_configuration(FunctionName="guard", Environment={"Variables": {"MODE": "fix"}})
    assert updated["Environment"] == {"Variables": {"MODE": "fix"}}
    for shown in (
        functions.get_function(FunctionName="guard")["Configuration"],
        functions.get_function_configuration(FunctionName="guard"),
        functions.list_functions()["Functions"][0],
        functions.publish_version(FunctionName="guard"),
    ):
        assert shown["Environment"] == {"Variables": {"MODE": "fix"}}
    mode, address = called()
    assert mode == "fix"
    assert "/_function/" in address

    functions.update_function_configuration(
        FunctionName="guard", Role=f"arn:aws:iam::{account}:role/next", Environment={"Variables": {}}
    )
    assert called() == [None, address]


def test_a_new_role_is_the_functions_identity(sandbox: Sandbox, account: str) -> None:
    source = "import boto3\ndef run(event, context):\n    return boto3.client('sts').get_caller_identity()['Arn']\n"
    deploy(sandbox, account, source)
    functions = sandbox.client("lambda", account)
    functions.update_function_configuration(FunctionName="guard", Role=f"arn:aws:iam::{account}:role/next")
    payload = json.loads(functions.invoke(FunctionName="guard")["Payload"].read())
    assert payload == f"arn:aws:sts::{account}:assumed-role/next/guard"


def test_code_may_come_from_a_bucket(sandbox: Sandbox, account: str) -> None:
    from .conftest import archive

    s3 = sandbox.client("s3", account)
    s3.create_bucket(Bucket=f"code-{account}")
    s3.put_object(Bucket=f"code-{account}", Key="f.zip", Body=archive("def run(event, context):\n    return 7\n"))
    functions = sandbox.client("lambda", account)
    functions.create_function(
        FunctionName="f", Runtime="python3.12", Handler="index.run", Role=f"arn:aws:iam::{account}:role/r",
        Code={"S3Bucket": f"code-{account}", "S3Key": "f.zip"},
    )
    assert functions.invoke(FunctionName="f")["Payload"].read() == b"7"


def test_a_big_archive_arrives_whole(sandbox: Sandbox, account: str) -> None:
    import base64
    import hashlib
    import os

    from .conftest import archive

    code = archive("def run(event, context):\n    pass\nX = " + repr(os.urandom(6_000_000)))
    functions = sandbox.client("lambda", account)
    made = functions.create_function(
        FunctionName="big", Runtime="python3.11", Handler="index.run", Role=f"arn:aws:iam::{account}:role/r",
        Code={"ZipFile": code},
    )
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()


def test_a_warm_function_answers_within_a_second(sandbox: Sandbox, account: str) -> None:
    deploy(sandbox, account, GUARD, events=["AuthorizeSecurityGroupIngress"])
    group = security_group(sandbox, account)
    open_port(sandbox, account, group, 22)
    eventually(lambda: printed(sandbox, account))

    began = time.monotonic()
    open_port(sandbox, account, group, 23)
    eventually(lambda: len(printed(sandbox, account)) == 2)
    assert time.monotonic() - began < 3  # 0.1 s on an idle machine; the test must not depend on that


def test_a_log_is_whole_when_the_function_has_answered_and_when_it_has_failed(sandbox: Sandbox, account: str) -> None:
    deploy(sandbox, account, (
        "import sys\n"
        "def run(event, context):\n"
        "    for number in range(event['lines']):\n"
        "        print('entry', number, file=sys.stderr)\n"
        "    if event['fails']:\n"
        "        raise ValueError('on purpose')\n"
    ))
    client = sandbox.client("lambda", account)
    for event in ({"lines": 5_000, "fails": False}, {"lines": 7, "fails": True}):
        client.invoke(FunctionName="guard", Payload=json.dumps(event).encode())
    log = sandbox.logs("guard", account)
    assert log.count("entry 4999") == 1 and log.count("entry ") == 5_007
    assert "ValueError" in log


WHERE = """
import os
def run(event, context):
    return {"own": os.environ["LAMBDA_TASK_ROOT"], "code": run.__code__.co_filename, "file": __file__, "is": "LETTER"}
"""


def test_functions_share_files_that_are_equal_and_what_is_compiled(sandbox: Sandbox, account: str) -> None:
    """The second function of the same source has the first one's code, at its own place; another source does not."""
    functions = sandbox.client("lambda", account)
    sources = {"one": WHERE, "two": WHERE, "other": WHERE.replace("LETTER", "B"),
               "as-long": WHERE.replace("LETTER", "NUMBER")}
    found = {}
    for name, source in sources.items():
        deploy(sandbox, account, source, name=name)
        found[name] = json.loads(functions.invoke(FunctionName=name)["Payload"].read())
    assert [answer["is"] for answer in found.values()] == ["LETTER", "LETTER", "B", "NUMBER"]
    assert len({answer["own"] for answer in found.values()}) == 4
    files = {name: Path(answer["file"]).stat() for name, answer in found.items()}
    assert len({file.st_ino for file in files.values()}) == 3 and files["one"].st_ino == files["two"].st_ino
    for answer in found.values():
        assert answer["code"] == answer["file"] == f"{answer['own']}/index.py"
    compiled = {path.name for path in (sandbox.directory / "ministack" / "tmp" / "compiled").iterdir()}
    assert {hashlib.sha256(source.encode()).hexdigest() for source in sources.values()} <= compiled
