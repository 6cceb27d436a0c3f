"""One real sandbox for the whole package's tests; a test takes accounts of its own or resets it."""
from __future__ import annotations

import io
import itertools
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from guardrails.sandbox import Sandbox

_Result = TypeVar("_Result")
_accounts = itertools.count(200000000000)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(directory=tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def account() -> str:
    """An account that no other test uses."""
    return str(next(_accounts))


@pytest.fixture
def other_account() -> str:
    """A second account that no other test uses."""
    return str(next(_accounts))


def eventually(look: Callable[[], _Result], seconds: float = 20.0) -> _Result:
    """The first true result of `look`."""
    deadline = time.monotonic() + seconds
    while not (result := look()):
        assert time.monotonic() < deadline, f"nothing came within {seconds} s"
        time.sleep(0.05)
    return result


def archive(source: str) -> bytes:
    """A function's zip of one module, `index`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("index.py", source)
    return buffer.getvalue()


def deploy(
    sandbox: Sandbox, account: str, source: str, *, region: str = "us-east-1", name: str = "guard",
    role: str = "guard-role", events: list[str] | None = None, **settings: Any,
) -> dict[str, Any]:
    """Deploy `source` as a function, with a rule for `events` if given; returns CreateFunction's answer."""
    functions = sandbox.client("lambda", account, region)
    made: dict[str, Any] = functions.create_function(
        FunctionName=name, Runtime="python3.11", Handler="index.run", Role=f"arn:aws:iam::{account}:role/{role}",
        Timeout=30, Code={"ZipFile": archive(source)}, **settings,
    )
    if events:
        bus = sandbox.client("events", account, region)
        pattern = {"detail-type": ["AWS API Call via CloudTrail"], "detail": {"eventName": events}}
        rule = bus.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
        bus.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": made["FunctionArn"]}])
        functions.add_permission(
            FunctionName=name, StatementId="events", Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com", SourceArn=rule,
        )
    return made


def printed(sandbox: Sandbox, account: str, region: str = "us-east-1", name: str = "guard") -> list[dict[str, Any]]:
    """The JSON lines that a function has printed."""
    lines = sandbox.logs(name, account, region).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def security_group(sandbox: Sandbox, account: str, region: str = "us-east-1", name: str = "web") -> str:
    """A new security group's id."""
    group = sandbox.client("ec2", account, region).create_security_group(GroupName=name, Description="test")
    return str(group["GroupId"])


def open_port(sandbox: Sandbox, account: str, group: str, port: int, region: str = "us-east-1") -> None:
    """Open `port` of `group` to the world."""
    sandbox.client("ec2", account, region).authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ])


def start_recorder(sandbox: Sandbox, account: str, region: str = "us-east-1", **group: Any) -> None:
    """Have AWS Config record `account` in a region: everything, or what the recording group `group` says."""
    config = sandbox.client("config", account, region)
    config.put_configuration_recorder(ConfigurationRecorder={
        "name": "default", "roleARN": f"arn:aws:iam::{account}:role/config",
        "recordingGroup": group or {"allSupported": True, "includeGlobalResourceTypes": True},
    })
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": f"config-{account}"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
