"""The stack of sweeps in a sandbox: CloudFormation's part is done here, with the template's own values.

The worker's archive is the one that `templates sweep --archive` writes, from this environment. It gets one module more,
`faulty`, whose handler makes shards fail as an object in the bucket says (`Faults`).
"""
from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from custom_actions.names import SWEEPS
from guardrails.distributed import write_archive
from guardrails.results import RunStore
from guardrails.sandbox import Sandbox
from guardrails.stacks.sweep_stack import sweep
from tests.cloudformation import Stack

BUCKET = "guardrails-sweeps-bucket"
FAULTS = "faults.json"
SECTIONS = {
    "checks": "select account, account_name, region, policy, state, reason, matched, unknown, listed, in_scope, passed "
              "from checks",
    "findings": "select * from findings", "accounts": "select * from accounts", "policies": "select * from policies",
    "passed": "select account, region, policy, list, number, bits from passed",
    "lists": "select * from resource_lists",
}
_FAULTY = Path(__file__).with_name("faulty_worker.py")


@dataclass(frozen=True)
class Faults:
    """The ids of accounts whose shards fail, and how."""

    killed: Sequence[str] = ()
    """The worker is killed, in every attempt."""
    throttled: Sequence[str] = ()
    """AWS throttles every call to EC2."""
    locked: Sequence[str] = ()
    """The role cannot be assumed."""


@dataclass(frozen=True)
class SweepStack:
    """The deployed stack."""

    sandbox: Sandbox
    account: str
    region: str
    machine: str
    """The ARN of the state machine."""

    def fail(self, faults: Faults) -> None:
        """Make shards fail from now on; without arguments, none."""
        self.sandbox.client("s3", self.account, self.region).put_object(
            Bucket=BUCKET, Key=FAULTS, Body=json.dumps(asdict(faults)).encode())

    def keys(self, prefix: str = "") -> list[str]:
        """The keys in the bucket."""
        pages = self.sandbox.client("s3", self.account, self.region).get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", ())]


def rows(directory: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What the run's file has, in an order of its own."""
    with RunStore.open(directory) as store:
        return {name: sorted(store.rows(query), key=repr) for name, query in SECTIONS.items()}


def differences(one: Path, other: Path) -> list[str]:
    """Every row that only one of two runs has."""
    left, right = rows(one), rows(other)
    return [
        f"{name}: {side} {row}" for name in SECTIONS
        for side, row in [*(("only the first has", row) for row in left[name] if row not in set(right[name])),
                          *(("only the second has", row) for row in right[name] if row not in set(left[name]))]]


def make_archive(path: Path) -> Path:
    """The worker's archive, with the module that makes shards fail.

    Without boto3, which the functions' environment has, as Lambda's has: it is 2,000 files for each cold start.
    """
    write_archive(path, ("boto3", "botocore", "s3transfer"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(_FAULTY, "faulty.py")
    return path


def filled_stack(account: str, region: str, **parameters: Any) -> Stack:
    """The template, with its own names for the resources."""
    names = {"Bucket": BUCKET, "Bucket.Arn": f"arn:aws:s3:::{BUCKET}", "Cluster": SWEEPS, "TaskDefinition": "task"}
    for part in ("Worker", "Reduce"):
        names[f"{part}.Arn"] = f"arn:aws:lambda:{region}:{account}:function:{SWEEPS}-{part.lower()}"
    for role in ("Worker", "Reduce", "Task", "TaskStart", "Machine", "Schedule"):
        names[f"{role}Role.Arn"] = f"arn:aws:iam::{account}:role/{role.lower()}"
    for log in ("Worker", "Reduce", "Task", "Machine"):
        names |= {f"{log}Log": f"log-{log}", f"{log}Log.Arn": f"arn:log-{log}"}
    names["StateMachine"] = f"arn:aws:states:{region}:{account}:stateMachine:{SWEEPS}"
    return Stack(sweep(), account, region, names, **parameters)


def deploy(
    sandbox: Sandbox, archive: Path, *, account: str, region: str = "us-east-1",
    variables: Mapping[str, str] | None = None, **parameters: Any,
) -> SweepStack:
    """Create what the template describes: bucket, functions and state machine."""
    stack = filled_stack(account, region, CodeBucket=BUCKET, CodeKey=archive.name, **parameters)
    s3 = sandbox.client("s3", account, region)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=archive.name, Body=archive.read_bytes())
    functions = sandbox.client("lambda", account, region)
    for properties in stack.resources("AWS::Lambda::Function").values():
        environment = properties["Environment"]["Variables"]
        environment |= {**{key: str(value) for key, value in environment.items()}, **(variables or {})}
        kept = {key: properties[key] for key in (
            "FunctionName", "Role", "Runtime", "Code", "Timeout", "MemorySize", "Environment", "Description")}
        handler = "faulty.handler" if properties["FunctionName"].endswith("-worker") else properties["Handler"]
        functions.create_function(**kept, Handler=handler)
    [machine] = stack.resources("AWS::StepFunctions::StateMachine").values()
    made = sandbox.client("stepfunctions", account, region).create_state_machine(
        name=machine["StateMachineName"], definition=json.dumps(machine["Definition"]), roleArn=machine["RoleArn"],
        type=machine["StateMachineType"])
    return SweepStack(sandbox, account, region, made["stateMachineArn"])
