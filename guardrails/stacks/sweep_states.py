"""The state machine of sweeps, in the Amazon States Language: plan, a Distributed Map over the shards, reduce.

A shard that fails is data: the map goes on, and the reduce step names its checks as not run. A worker is tried again
with back-off and jitter, so that many workers do not come back at the same moment.

Source: Amazon States Language, "Map", "Task" and "Errors"; Step Functions' guide, "Distributed mode".
"""
from __future__ import annotations

from typing import Any

MAP_STATE = "Shards"
"""The operator's machine finds the bucket in this state's reader (guardrails/distributed/execution.py)."""
_JITTER = {"JitterStrategy": "FULL"}
_BUSY = ("Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
         "Lambda.TooManyRequestsException")
_TOO_LONG = ["ShardTooLong", "Sandbox.Timedout", "States.Timeout"]
_RARELY = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 3, "MaxAttempts": 2, **_JITTER}
_RUN = {"run.$": "$.run", "attempt.$": "$.attempt"}


def definition(*, tasks: bool) -> dict[str, Any]:
    """The definition, with CloudFormation's functions; `tasks`: whether a long shard is run again by a Fargate task."""
    return {
        "Comment": "aws-guardrails: a sweep over many accounts", "StartAt": "Plan", "States": {
            "Plan": {
                **_function("Reduce", {"step": "plan", **_RUN, "nightly.$": "$.nightly"}),
                "ResultSelector": {f"{name}.$": f"$.Payload.{name}" for name in (
                    "shards", "key", "question", "results", "concurrency")},
                "ResultPath": "$.plan", "Retry": [_RARELY], "Next": MAP_STATE,
            },
            MAP_STATE: {
                "Type": "Map", "Label": MAP_STATE,
                "ItemReader": {
                    "Resource": _arn("states:::s3:getObject"), "ReaderConfig": {"InputType": "JSON"},
                    "Parameters": {"Bucket": {"Ref": "Bucket"}, "Key.$": "$.plan.key"}},
                "ItemSelector": {
                    "step": "sweep", **_RUN, "question.$": "$.plan.question", "shard.$": "$$.Map.Item.Value"},
                "MaxConcurrencyPath": "$.plan.concurrency", "ToleratedFailurePercentage": 100,
                # A shard may need 15 minutes; an express workflow has five.
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Sweep", "States": _processor(tasks=tasks)},
                "ResultWriter": {
                    "Resource": _arn("states:::s3:putObject"),
                    "Parameters": {"Bucket": {"Ref": "Bucket"}, "Prefix.$": "$.plan.results"}},
                "ResultPath": "$.map", "Next": "Reduce",
                # What was swept so far is merged all the same.
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.map", "Next": "Reduce"}],
            },
            "Reduce": {
                **_function("Reduce", {
                    "step": "reduce", **_RUN, "question.$": "$.plan.question", "nightly.$": "$.nightly",
                    "map.$": "$.map"}),
                "ResultSelector": {"result.$": "$.Payload"}, "ResultPath": "$.reduced",
                "Retry": [_RARELY], "Next": "Ended",
            },
            "Ended": {"Type": "Choice", "Default": "Done", "Choices": [
                {"Variable": "$.map.Error", "IsPresent": True, "Next": "MapRunFailed"}]},
            "MapRunFailed": {
                "Type": "Fail", "Error": "MapRunFailed",
                "Cause": "The shards were not all started. The merged run names those without a result."},
            "Done": {"Type": "Pass", "OutputPath": "$.reduced.result", "End": True},
        },
    }


def _processor(*, tasks: bool) -> dict[str, Any]:
    """The states that run one shard. They return little: the results are in the bucket."""
    worker = {
        # The payload is the shard's own message.
        **_function("Worker", "$"), "OutputPath": "$.Payload", "Retry": _retry(never=_TOO_LONG if tasks else ()),
        "End": True,
    }
    states: dict[str, Any] = {"Sweep": worker}
    if tasks:
        worker["Catch"] = [{"ErrorEquals": _TOO_LONG, "ResultPath": "$.error", "Next": "SweepInTask"}]
        states["SweepInTask"] = _task()
    return states


def _function(name: str, payload: Any) -> dict[str, Any]:
    given = {"Payload.$": payload} if isinstance(payload, str) else {"Payload": payload}
    return {
        "Type": "Task", "Resource": _arn("states:::lambda:invoke"), "TimeoutSeconds": 930,
        "Parameters": {"FunctionName": {"Fn::GetAtt": [name, "Arn"]}, **given},
    }


def _task() -> dict[str, Any]:
    return {
        "Type": "Task", "Resource": _arn("states:::ecs:runTask.sync"), "TimeoutSeconds": 6 * 3600,
        "Parameters": {
            "LaunchType": "FARGATE", "Cluster": {"Ref": "Cluster"}, "TaskDefinition": {"Ref": "TaskDefinition"},
            "NetworkConfiguration": {"AwsvpcConfiguration": {
                "Subnets": {"Ref": "TaskSubnets"}, "SecurityGroups": {"Ref": "TaskSecurityGroups"},
                "AssignPublicIp": {"Ref": "TaskPublicIp"}}},
            "Overrides": {"ContainerOverrides": [{
                "Name": "worker", "Command.$": "States.Array(States.JsonToString($))"}]},
        },
        "ResultSelector": {"task.$": "$.TaskArn"},
        "Retry": [_RARELY], "End": True,
    }


def _retry(never: list[str] | tuple[()] = ()) -> list[dict[str, Any]]:
    """Retries of a task: often if Lambda is busy, and twice for anything else, such as a worker that was killed."""
    return [
        *([{"ErrorEquals": never, "MaxAttempts": 0}] if never else []),
        {"ErrorEquals": list(_BUSY), "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 8, "MaxDelaySeconds": 60,
         **_JITTER},
        _RARELY,
    ]


def _arn(rest: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:{rest}"}
