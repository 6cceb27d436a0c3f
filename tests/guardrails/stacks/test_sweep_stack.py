"""Sweeps on Step Functions: CloudFormation takes the stack, each role may do what its part does, and nothing else."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from custom_actions.names import SWEEPS
from guardrails.distributed.bucket import RunPlace, SweepBucket
from guardrails.distributed.execution import MAP_STATE
from tests.cloudformation import Stack
from tests.step_functions import BUCKET, filled_stack

from ..conftest import HOME, guardrails

REGION = "us-east-1"
OBJECTS = f"arn:aws:s3:::{BUCKET}"
TASKS = {"Image": "111111111111.dkr.ecr.us-east-1.amazonaws.com/g@sha256:0", "TaskSubnets": ["subnet-1"],
         "TaskSecurityGroups": ["sg-1"]}


def stack(**parameters: Any) -> Stack:
    return filled_stack(HOME, REGION, **parameters)


def one(found: dict[str, Any]) -> Any:
    [only] = found.values()
    return only


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "cn-north-1"])
def test_cloudformation_takes_it_in_every_partition(tmp_path: Path, region: str) -> None:
    assert guardrails("templates", "sweep", "-o", tmp_path / "out").exit_code == 0
    text = (tmp_path / "out" / "sweep.template.json").read_text()
    lint = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "-t", "sweep.template.json", "-r", region],
        cwd=tmp_path / "out", capture_output=True, text=True, timeout=120)
    assert (lint.returncode, lint.stdout) == (0, "")
    assert "arn:aws:" not in text
    assert len(text) < 51_200, "what create-stack takes without an upload"
    assert all(each["Description"] for each in json.loads(text)["Parameters"].values())


def calls(roles: dict[str, Any], name: str) -> dict[str, list[str]]:
    """Action to the resources on which the role may make the call."""
    statements = [each for policy in roles[name]["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    assert all(each["Effect"] == "Allow" for each in statements)
    listed: dict[str, list[str]] = {}
    for each in statements:
        resources = each["Resource"] if isinstance(each["Resource"], list) else [each["Resource"]]
        for action in each["Action"]:
            listed.setdefault(action, []).extend(resources)
    return listed


def test_a_worker_may_enter_accounts_read_its_question_and_write_results_of_shards() -> None:
    roles = stack().resources("AWS::IAM::Role")
    assert calls(roles, "WorkerRole") == {
        "sts:AssumeRole": ["arn:aws:iam::*:role/guardrails-sweep"],
        "s3:GetObject": [f"{OBJECTS}/runs/*/question.yml", f"{OBJECTS}/runs/*/shards/*"],
        "s3:PutObject": [f"{OBJECTS}/runs/*/shards/*"], "s3:ListBucket": [OBJECTS],
        "logs:CreateLogStream": ["arn:log-Worker"], "logs:PutLogEvents": ["arn:log-Worker"]}
    assert calls(roles, "ScheduleRole") == {
        "states:StartExecution": [f"arn:aws:states:{REGION}:{HOME}:stateMachine:{SWEEPS}"]}
    reduce = calls(roles, "ReduceRole")
    assert "sts:AssumeRole" not in reduce
    assert reduce["s3:PutObject"] == [f"{OBJECTS}/runs/*", f"{OBJECTS}/history.db"]
    machine = calls(roles, "MachineRole")
    assert machine["lambda:InvokeFunction"] == [
        f"arn:aws:lambda:{REGION}:{HOME}:function:{SWEEPS}-{part}" for part in ("worker", "reduce")]
    assert machine["s3:PutObject"] == [f"{OBJECTS}/runs/*/results/*"]
    assert "ecs:RunTask" not in machine and set(roles) == {
        "WorkerRole", "ReduceRole", "ScheduleRole", "MachineRole"}


def test_the_prefixes_of_the_roles_are_those_of_the_objects() -> None:
    place = RunPlace(SweepBucket(BUCKET), "0123456789abcdef")
    worker = calls(stack().resources("AWS::IAM::Role"), "WorkerRole")
    from fnmatch import fnmatchcase

    def may(action: str, key: str) -> bool:
        return any(fnmatchcase(f"{OBJECTS}/{key}", each) for each in worker[action])

    assert may("s3:PutObject", place.shard("111111111111-0", 1)) and may("s3:GetObject", place.question)
    for key in (place.question, place.plan, place.shards(1), place.merged(1), place.report("report.html"),
                "history.db", "nightly/question.yml", place.results(1)):
        assert not may("s3:PutObject", key), key


def test_an_organization_and_a_key_narrow_it_further() -> None:
    roles = stack(OrganizationId="o-0123456789", KmsKeyArn="arn:aws:kms:k").resources("AWS::IAM::Role")
    [assume] = [each for each in roles["WorkerRole"]["Policies"][0]["PolicyDocument"]["Statement"]
                if each["Action"] == ["sts:AssumeRole"]]
    assert assume["Condition"] == {"StringEquals": {"aws:ResourceOrgID": "o-0123456789"}}
    assert all("kms:Decrypt" in calls(roles, name) for name in ("WorkerRole", "ReduceRole", "MachineRole"))


def test_a_long_shard_is_run_again_by_a_task_if_there_are_subnets() -> None:
    with_tasks = stack(**TASKS)
    roles = with_tasks.resources("AWS::IAM::Role")
    assert calls(roles, "TaskRole") == {
        action: resources for action, resources in calls(roles, "WorkerRole").items() if "logs:" not in action}
    assert calls(roles, "MachineRole")["iam:PassRole"] == [
        f"arn:aws:iam::{HOME}:role/{name}" for name in ("task", "taskstart")]
    states = one(with_tasks.resources("AWS::StepFunctions::StateMachine"))["Definition"]["States"]
    worker = states[MAP_STATE]["ItemProcessor"]["States"]
    assert worker["Sweep"]["Retry"][0] == {
        "ErrorEquals": ["ShardTooLong", "Sandbox.Timedout", "States.Timeout"], "MaxAttempts": 0}
    assert worker["Sweep"]["Catch"][0]["Next"] == "SweepInTask"
    assert worker["SweepInTask"]["Resource"] == "arn:aws:states:::ecs:runTask.sync"
    functions = with_tasks.resources("AWS::Lambda::Function")
    assert functions["Worker"]["Environment"]["Variables"]["TASKS"] == "1"
    assert functions["Worker"]["PackageType"] == "Image" and "Handler" not in functions["Worker"]
    plain = one(stack().resources("AWS::StepFunctions::StateMachine"))["Definition"]["States"]
    assert list(plain[MAP_STATE]["ItemProcessor"]["States"]) == ["Sweep"]
    assert "Catch" not in plain[MAP_STATE]["ItemProcessor"]["States"]["Sweep"]


def test_a_failed_shard_is_data_and_retries_back_off_with_jitter() -> None:
    states = one(stack().resources("AWS::StepFunctions::StateMachine"))["Definition"]["States"]
    shards = states[MAP_STATE]
    assert shards["ToleratedFailurePercentage"] == 100 and "MaxConcurrencyPath" in shards
    assert shards["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    tasks = [states["Plan"], states["Reduce"], shards["ItemProcessor"]["States"]["Sweep"]]
    retries = [retry for task in tasks for retry in task["Retry"]]
    assert all(retry["BackoffRate"] > 1 and retry["JitterStrategy"] == "FULL" and retry["MaxAttempts"] > 0
               for retry in retries) and len(retries) >= 4
    assert shards["Catch"][0]["Next"] == shards["Next"] == "Reduce"


def test_the_bucket_is_private_and_runs_expire_but_the_history_does_not() -> None:
    plain = one(stack().resources("AWS::S3::Bucket"))
    assert set(plain["PublicAccessBlockConfiguration"].values()) == {True} and "BucketName" not in plain
    [rule] = plain["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    [statement] = one(stack().resources("AWS::S3::BucketPolicy"))["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert [each["Prefix"] for each in plain["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in each] == [
        "runs/"]


def test_what_does_not_succeed_is_told() -> None:
    failed = stack(TopicArn="arn:topic").resources("AWS::CloudWatch::Alarm")["Failed"]
    assert {each["MetricStat"]["Metric"]["MetricName"] for each in failed["Metrics"] if "MetricStat" in each} == {
        "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"}
    assert failed["AlarmActions"] == ["arn:topic"]
    assert "Missed" not in stack().resources("AWS::CloudWatch::Alarm")
    nightly = stack(NightlySweep="ENABLED", Hour="4")
    assert nightly.resources("AWS::CloudWatch::Alarm")["Missed"]["TreatMissingData"] == "breaching"
    schedule = one(nightly.resources("AWS::Scheduler::Schedule"))
    assert (schedule["State"], schedule["ScheduleExpression"]) == ("ENABLED", "cron(0 4 * * ? *)")
    assert json.loads(schedule["Target"]["Input"])["nightly"] is True
    log = one(stack().resources("AWS::StepFunctions::StateMachine"))["LoggingConfiguration"]
    assert log["IncludeExecutionData"] is False


def test_each_role_is_for_one_service() -> None:
    roles = stack(**TASKS).resources("AWS::IAM::Role")
    services = {name: each["AssumeRolePolicyDocument"]["Statement"][0] for name, each in roles.items()}
    assert {name: each["Principal"]["Service"].partition(".")[0] for name, each in services.items()} == {
        "WorkerRole": "lambda", "ReduceRole": "lambda", "TaskRole": "ecs-tasks", "TaskStartRole": "ecs-tasks",
        "MachineRole": "states", "ScheduleRole": "scheduler"}
    for name, each in services.items():
        if not name.startswith(("Worker", "Reduce")):
            assert each["Condition"]["StringEquals"] == {"aws:SourceAccount": HOME}
            assert each["Condition"]["ArnLike"]["aws:SourceArn"].startswith("arn:aws:")
