"""The policies of policies/realtime/cloudtrail.yml, deployed with plain `custodian run`, heal trails in the sandbox.

Nothing is replaced here: the archive that c7n builds runs as a function, and hears of changes through EventBridge.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from guardrails.sandbox import Sandbox
from tests.policies.harness import read_notify

ACCOUNT, REGION = "300000000001", "us-east-1"
POLICIES = Path(__file__).parents[4] / "policies" / "realtime" / "cloudtrail.yml"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
DATA_ONLY = [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": False}]
WITH_DATA = [{
    "ReadWriteType": "All", "IncludeManagementEvents": True, "ExcludeManagementEventSources": [],
    "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}],
}]
_Result = TypeVar("_Result")


def eventually(look: Callable[[], _Result], sandbox: Sandbox, seconds: float = 30.0) -> _Result:
    """The first true result of `look`; what the functions logged when there is none."""
    deadline = time.monotonic() + seconds
    while not (result := look()):
        if time.monotonic() > deadline:
            functions = sandbox.client("lambda", ACCOUNT, REGION).list_functions()["Functions"]
            logs = "\n".join(sandbox.logs(function["FunctionName"], ACCOUNT, REGION) for function in functions)
            pytest.fail(f"nothing came within {seconds} s; the functions said:\n{logs}")
        time.sleep(0.05)
    return result


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox with a bucket, the compliance topic, and the four policies deployed."""
    directory = tmp_path_factory.mktemp("trails")
    with Sandbox.start(directory=directory) as running:
        running.client("s3", ACCOUNT, REGION).create_bucket(Bucket="logs")
        running.client("sns", ACCOUNT, REGION).create_topic(Name="guardrails-compliance")
        custodian = Path(sys.executable).with_name("custodian")
        deployed = subprocess.run(
            [custodian, "run", "--output-dir", directory / "out", "--cache-period", "0", "--region", REGION, POLICIES],
            env={**os.environ, **running.environment(ACCOUNT, REGION)}, capture_output=True, text=True, check=False,
        )
        assert deployed.returncode == 0, deployed.stderr
        yield running


@pytest.fixture
def cloudtrail(sandbox: Sandbox) -> Any:
    return sandbox.client("cloudtrail", ACCOUNT, REGION)


def make(cloudtrail: Any, name: str) -> dict[str, Any]:
    """A good trail that logs."""
    trail = cloudtrail.create_trail(
        Name=name, S3BucketName="logs", IsMultiRegionTrail=True, EnableLogFileValidation=True, KmsKeyId=KEY)
    cloudtrail.start_logging(Name=name)
    return dict(trail)


def last_change(sandbox: Sandbox, name: str, trail: str) -> dict[str, Any]:
    """The newest record of the call `name` on a trail."""
    return [
        made for made in sandbox.events(ACCOUNT)
        if made["eventName"] == name and trail in json.dumps(made["requestParameters"])
    ][-1]


@pytest.mark.parametrize("by_arn", [False, True], ids=["by name", "by ARN"])
def test_a_stopped_trail_logs_again(sandbox: Sandbox, cloudtrail: Any, by_arn: bool) -> None:
    name = f"stopped-{'arn' if by_arn else 'name'}"
    trail = make(cloudtrail, name)

    cloudtrail.stop_logging(Name=trail["TrailARN"] if by_arn else name)

    eventually(lambda: cloudtrail.get_trail_status(Name=name)["IsLogging"], sandbox)
    identity = last_change(sandbox, "StartLogging", name)["userIdentity"]
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == f"arn:aws:iam::{ACCOUNT}:role/guardrails"


def test_settings_come_back(sandbox: Sandbox, cloudtrail: Any) -> None:
    good = make(cloudtrail, "changed")

    cloudtrail.update_trail(Name="changed", EnableLogFileValidation=False, KmsKeyId="")

    def healed() -> bool:
        trail = cloudtrail.get_trail(Name="changed")["Trail"]
        return bool(trail["LogFileValidationEnabled"] and trail["KmsKeyId"] == KEY)

    eventually(healed, sandbox)
    after = cloudtrail.get_trail(Name="changed")["Trail"]
    assert {key: after[key] for key in good if key != "ResponseMetadata"} == {
        key: value for key, value in good.items() if key != "ResponseMetadata"}
    # Our own UpdateTrail is an event too: it must not start a chain.
    time.sleep(2)
    updates = [made for made in sandbox.events(ACCOUNT) if made["eventName"] == "UpdateTrail"]
    # The change, and two of ours: what the policy declares, and what the confirmed history tells.
    assert len(updates) == 3


def test_selectors_come_back(sandbox: Sandbox, cloudtrail: Any) -> None:
    make(cloudtrail, "selected")
    # A new trail is given its data events: that takes nothing, and stays.
    cloudtrail.put_event_selectors(TrailName="selected", EventSelectors=WITH_DATA)

    cloudtrail.put_event_selectors(TrailName="selected", EventSelectors=DATA_ONLY)

    eventually(lambda: _selectors(cloudtrail) == WITH_DATA, sandbox)
    time.sleep(2)
    assert _selectors(cloudtrail) == WITH_DATA
    puts = [made for made in sandbox.events(ACCOUNT) if made["eventName"] == "PutEventSelectors"]
    assert len(puts) == 3


def _selectors(cloudtrail: Any) -> list[dict[str, Any]]:
    return list(cloudtrail.get_event_selectors(TrailName="selected")["EventSelectors"])


def test_a_deleted_trail_is_told(sandbox: Sandbox, cloudtrail: Any) -> None:
    sns, sqs = sandbox.client("sns", ACCOUNT, REGION), sandbox.client("sqs", ACCOUNT, REGION)
    queue = sqs.create_queue(QueueName="security")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(
        TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:guardrails-compliance", Protocol="sqs", Endpoint=arn)
    make(cloudtrail, "doomed")

    cloudtrail.delete_trail(Name="doomed")

    [raw] = eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), sandbox)
    message = read_notify(json.loads(raw["Body"])["Message"])
    assert message["policy"]["name"] == "cloudtrail-deleted-alert"
    [account] = message["resources"]
    told = account["c7n:DeletedTrail"]
    assert account["account_id"] == ACCOUNT
    assert (told["name"], told["known"], told["logging"]) == ("doomed", True, True)
    assert told["settings"]["KmsKeyId"] == KEY
    assert told["deleted"]["arn"] == f"arn:aws:iam::{ACCOUNT}:user/admin"
