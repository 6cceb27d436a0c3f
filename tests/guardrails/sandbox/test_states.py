"""Step Functions in the sandbox: a Distributed Map reads its items from S3, and writes how they ended.

Source: Step Functions' guide, "ItemReader (Map)", "ResultWriter (Map)"; API reference, DescribeMapRun.
"""
from __future__ import annotations

import json
import time
from typing import Any

import pytest

from guardrails.sandbox import Sandbox

ACCOUNT, REGION = "111111111111", "us-east-1"
ITEM: dict[str, Any] = {
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Choice", "States": {
        "Choice": {"Type": "Choice", "Default": "Good", "Choices": [
            {"Variable": "$.item", "StringEquals": "bad", "Next": "Bad"}]},
        "Good": {"Type": "Pass", "End": True}, "Bad": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}}}


def machine(**more: Any) -> dict[str, Any]:
    return {"StartAt": "Map", "States": {"Map": {
        "Type": "Map", "ItemProcessor": ITEM, "ToleratedFailurePercentage": 100, "MaxConcurrencyPath": "$.most",
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
                       "Parameters": {"Bucket": "sweeps", "Key.$": "$.key"}},
        "ItemSelector": {"item.$": "$$.Map.Item.Value"},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject",
                         "Parameters": {"Bucket": "sweeps", "Prefix.$": "$.prefix"}},
        "ResultPath": "$.map", "End": True, **more}}}


def run(sandbox: Sandbox, definition: dict[str, Any], region: str = REGION) -> dict[str, Any]:
    """The ended execution, with its map run."""
    states = sandbox.client("stepfunctions", ACCOUNT, region)
    arn = states.create_state_machine(
        name=f"m-{time.monotonic_ns()}", definition=json.dumps(definition),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/x")["stateMachineArn"]
    execution = states.start_execution(
        stateMachineArn=arn, input=json.dumps({"key": "items.json", "prefix": "ends/1", "most": 2}))["executionArn"]
    deadline = time.monotonic() + 60
    while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    runs = states.list_map_runs(executionArn=execution)["mapRuns"]
    return {**found, "maps": [states.describe_map_run(mapRunArn=each["mapRunArn"]) for each in runs]}


@pytest.fixture
def s3(sandbox: Sandbox) -> Any:
    sandbox.reset()
    client = sandbox.client("s3", ACCOUNT, REGION)
    client.create_bucket(Bucket="sweeps")
    client.put_object(Bucket="sweeps", Key="items.json", Body=json.dumps(["one", "bad", "two"]).encode())
    return client


def test_items_come_from_s3_and_their_ends_go_there(sandbox: Sandbox, s3: Any) -> None:
    ended = run(sandbox, machine())
    assert ended["status"] == "SUCCEEDED"
    [counted] = ended["maps"]
    assert counted["maxConcurrency"] == 2 and counted["toleratedFailurePercentage"] == 100
    assert {name: counted["itemCounts"][name] for name in ("total", "succeeded", "failed", "pending", "running")} == {
        "total": 3, "succeeded": 2, "failed": 1, "pending": 0, "running": 0}
    output = json.loads(ended["output"])
    assert output["key"] == "items.json", "ResultPath keeps the input"
    place = output["map"]["ResultWriterDetails"]
    assert place["Bucket"] == "sweeps" and place["Key"].startswith("ends/1/")
    manifest = json.loads(s3.get_object(Bucket="sweeps", Key=place["Key"])["Body"].read())
    assert manifest["DestinationBucket"] == "sweeps" and manifest["ResultFiles"]["PENDING"] == []
    files = {status: [json.loads(s3.get_object(Bucket="sweeps", Key=file["Key"])["Body"].read()) for file in listed]
             for status, listed in manifest["ResultFiles"].items()}
    [[failed]] = files["FAILED"]
    assert (json.loads(failed["Input"]), failed["Error"], failed["Cause"], failed["Status"]) == (
        {"item": "bad"}, "Broken", "on purpose", "FAILED")
    assert sorted(json.loads(each["Output"])["item"] for each in files["SUCCEEDED"][0]) == ["one", "two"]


def test_what_cannot_be_read_fails_the_map_and_can_be_caught(sandbox: Sandbox, s3: Any) -> None:
    s3.delete_object(Bucket="sweeps", Key="items.json")
    ended = run(sandbox, machine())
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ItemReaderFailed") and "items.json" in ended["cause"]
    caught = machine(Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.map", "Next": "After"}])
    caught["States"]["After"] = {"Type": "Pass", "End": True}
    ended = run(sandbox, caught)
    assert json.loads(ended["output"])["map"]["Error"] == "States.ItemReaderFailed"


def test_too_many_failures_end_the_execution(sandbox: Sandbox, s3: Any) -> None:
    ended = run(sandbox, machine(ToleratedFailurePercentage=10))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert ended["maps"][0]["status"] == "FAILED"
    assert s3.list_objects_v2(Bucket="sweeps", Prefix="ends/1/")["KeyCount"] == 3, "the ends are written all the same"
