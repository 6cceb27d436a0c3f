"""Sweeps on Step Functions, as a CloudFormation template: bucket, functions, state machine, schedule and alarms.

Every role is for one component. The workers may enter the accounts with the operator's reading role (`iam`), read what
their run asks, and write below the run's shards: nothing else. docs/scale.md says when it is worth it.

Source: Step Functions' guide, "IAM policies for using Distributed Map states", "Run Amazon ECS or Fargate tasks" and
"Logging using CloudWatch Logs"; EventBridge Scheduler's guide, "Adding context attributes".
"""
from __future__ import annotations

import json
from typing import Any

from custom_actions.names import SWEEP_ROLE, SWEEPS

from .bucket import encrypted_bucket
from .parts import TAGS, Template, named, organization, template
from .sweep_states import definition

_AT = "${AWS::Region}:${AWS::AccountId}:"
_MACHINE = f"arn:${{AWS::Partition}}:states:{_AT}stateMachine:{SWEEPS}"
_WORKER, _REDUCE = f"{SWEEPS}-worker", f"{SWEEPS}-reduce"
_HANDLER = "guardrails.distributed.worker.handler"
_HOURS_WITHOUT = 30
_MEMORY = {"Type": "Number", "MinValue": 512, "MaxValue": 10240}


def sweep() -> Template:
    """The template, for a stack in the operator's account. Its roles have names, so it needs CAPABILITY_NAMED_IAM."""
    found = template("aws-guardrails: audits many accounts with Step Functions.", _parameters(), {
        **encrypted_bucket([
            {"Id": "runs", "Status": "Enabled", "Prefix": "runs/", "ExpirationInDays": {"Ref": "RetentionDays"}},
            {"Id": "old-versions", "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
             "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        ]),
        **_functions(), **_tasks(), **_machine(), **_schedule(), **_alarms(),
    }, {
        "BucketName": {"Value": {"Ref": "Bucket"}},
        "StateMachineArn": {"Value": {"Ref": "StateMachine"}, "Description": "For audit --state-machine."},
        "WorkerRoleArn": {"Value": {"Fn::GetAtt": ["WorkerRole", "Arn"]},
                          "Description": "The trust policy of the sweep role in each account must name it."},
        "TaskRoleArn": {"Condition": "Tasks", "Value": {"Fn::GetAtt": ["TaskRole", "Arn"]},
                        "Description": "The same for tasks."},
    }, conditions={
        "Encrypted": named("KmsKeyArn"), "FromImage": named("Image"), "Alarmed": named("TopicArn"),
        "OneOrganization": named("OrganizationId"),
        "Tasks": {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "TaskSubnets"}]}, ""]}]},
        "Arm": {"Fn::Equals": [{"Ref": "Architecture"}, "arm64"]},
        "Nightly": {"Fn::Equals": [{"Ref": "NightlySweep"}, "ENABLED"]},
    })
    return {**found, "Rules": _rules()}


def _parameters() -> dict[str, Any]:
    return {
        "CodeBucket": {"Type": "String", "Default": "none", "AllowedPattern": "[a-z0-9.-]{3,63}", "Description":
                       "The bucket with the archive of `templates sweep --archive`; none with Image."},
        "CodeKey": _text("The key of the archive in it. A new archive needs a new key.", "guardrails-worker.zip"),
        "Image": _text("In place of the archive: a container image in ECR, with its digest, that has aws-guardrails "
                       "and Lambda's runtime interface client."),
        "Runtime": {"Type": "String", "Default": "python3.12",
                    "AllowedValues": ["python3.11", "python3.12", "python3.13"],
                    "Description": "The Python version with which the archive was made."},
        "Architecture": {"Type": "String", "Default": "x86_64", "AllowedValues": ["x86_64", "arm64"],
                         "Description": "The processor for which the archive or the image was made."},
        "SweepRoleName": {"Type": "String", "Default": SWEEP_ROLE, "AllowedPattern": "[\\w+=,.@-]{1,64}",
                          "Description": "The role of audit in the accounts, from the stack of iam."},
        "OrganizationId": organization("The organization of the accounts: roles of other accounts cannot be assumed. "
                                       "Empty: the sweep role of any account."),
        "MaxConcurrency": {"Type": "Number", "Default": 40, "MinValue": 1, "MaxValue": 1000,
                           "Description": "Shards that run at the same time."},
        "CallsPerSecond": {"Type": "Number", "Default": 20, "MinValue": 1, "MaxValue": 1000,
                           "Description": "Calls a second to a service that one worker makes at most in an account "
                                          "and region."},
        "WorkerMemory": {**_MEMORY, "Default": 1769,
                         "Description": "MB of a worker; 1769 give it one processor."},
        "ReduceMemory": {**_MEMORY, "Default": 3538,
                         "Description": "MB of the function that merges the results."},
        "TaskSubnets": {"Type": "CommaDelimitedList", "Default": "",
                        "Description": "Subnets in which a Fargate task runs a shard that needs more than 15 minutes. "
                                       "They need a way to AWS's endpoints. Empty: no tasks. Needs Image."},
        "TaskSecurityGroups": {"Type": "CommaDelimitedList", "Default": "",
                               "Description": "Security groups of these tasks: outbound HTTPS is enough."},
        "TaskPublicIp": {"Type": "String", "Default": "DISABLED", "AllowedValues": ["DISABLED", "ENABLED"],
                         "Description": "Whether tasks have a public address: only for subnets without NAT."},
        "NightlySweep": {"Type": "String", "Default": "DISABLED", "AllowedValues": ["DISABLED", "ENABLED"],
                         "Description": "Whether a sweep starts every night. `audit --on step-functions --nightly` "
                                        "must have uploaded what it asks."},
        "Hour": {"Type": "Number", "Default": 3, "MinValue": 0, "MaxValue": 23,
                 "Description": "The hour of the day at which it starts."},
        "TimeZone": {"Type": "String", "Default": "UTC", "AllowedPattern": "[A-Za-z0-9_+/-]+",
                     "Description": "The time zone of the hour: UTC, Europe/Berlin."},
        "RetentionDays": {"Type": "Number", "Default": 90, "MinValue": 1,
                          "Description": "After how many days runs are deleted. The history stays."},
        "TopicArn": _text("An SNS topic that hears of failed executions. Empty: the alarms tell nobody."),
        "KmsKeyArn": _text("A KMS key of this account for the bucket and the logs, which logs.amazonaws.com may use. "
                           "Empty: SSE-S3, and CloudWatch's own encryption."),
    }


def _text(description: str, default: str = "") -> dict[str, Any]:
    return {"Type": "String", "Default": default, "Description": description}


def _rules() -> dict[str, Any]:
    """What CloudFormation checks before it creates anything."""
    none = {"Fn::Equals": [{"Ref": "Image"}, ""]}
    return {
        "Code": {"Assertions": [{
            "Assert": {"Fn::Or": [{"Fn::Not": [none]}, {"Fn::Not": [{"Fn::Equals": [{"Ref": "CodeBucket"}, "none"]}]}]},
            "AssertDescription": "Give CodeBucket and CodeKey, or Image."}]},
        "Tasks": {"Assertions": [{
            "Assert": {"Fn::Or": [
                {"Fn::Contains": [{"Ref": "TaskSubnets"}, ""]},
                {"Fn::And": [{"Fn::Not": [none]}, {"Fn::Not": [
                    {"Fn::Contains": [{"Ref": "TaskSecurityGroups"}, ""]}]}]}]},
            "AssertDescription": "Tasks need Image and TaskSecurityGroups."}]},
    }


def _if(condition: str, value: Any, otherwise: Any = None) -> dict[str, Any]:
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"} if otherwise is None else otherwise]}


def _allow(sid: str, actions: list[str], resource: Any, **more: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource, **more}


def _objects(*keys: str) -> list[dict[str, Any]]:
    return [{"Fn::Sub": f"${{Bucket.Arn}}/{key}"} for key in keys]


def _list(*prefixes: str) -> dict[str, Any]:
    """Listing keys below these prefixes, or all; if only some, S3 answers "denied" to a read of what does not exist."""
    only = {"Condition": {"StringLike": {"s3:prefix": list(prefixes)}}} if prefixes else {}
    return _allow("List", ["s3:ListBucket"], {"Fn::GetAtt": ["Bucket", "Arn"]}, **only)


_KEY = _if("Encrypted", _allow("Key", ["kms:Decrypt", "kms:GenerateDataKey"], {"Ref": "KmsKeyArn"}))


def _role(name: str, description: str, service: str, statements: list[Any], source: str = "") -> dict[str, Any]:
    condition: dict[str, Any] = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    if source:
        condition["ArnLike"] = {"aws:SourceArn": {"Fn::Sub": source}}
    return {"Type": "AWS::IAM::Role", "Properties": {
        "RoleName": name, "Description": description,
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service},
            # Lambda assumes the roles of its functions without these keys.
            **({} if service == "lambda.amazonaws.com" else {"Condition": condition})}]},
        "Policies": [{"PolicyName": "calls", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}],
        "Tags": TAGS,
    }}


def _log(name: str) -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete", "Properties": {
        "LogGroupName": name, "RetentionInDays": 400, "KmsKeyId": _if("Encrypted", {"Ref": "KmsKeyArn"}),
        "Tags": TAGS}}


def _may_log(group: str) -> dict[str, Any]:
    return _allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": [group, "Arn"]})


def _work() -> list[Any]:
    """What a worker may do, in a function and in a task."""
    in_organization = {"StringEquals": {"aws:ResourceOrgID": {"Ref": "OrganizationId"}}}
    return [
        _allow("Accounts", ["sts:AssumeRole"], {"Fn::Sub": "arn:${AWS::Partition}:iam::*:role/${SweepRoleName}"},
               Condition=_if("OneOrganization", in_organization)),
        _allow("Question", ["s3:GetObject"], _objects("runs/*/question.yml", "runs/*/shards/*")),
        _allow("Results", ["s3:PutObject"], _objects("runs/*/shards/*")),
        _list("runs/*/shards/*"), _KEY,
    ]


def _functions() -> dict[str, Any]:
    runs = ["runs/*", "nightly/*"]
    return {
        "WorkerLog": _log(f"/aws/lambda/{_WORKER}"), "ReduceLog": _log(f"/aws/lambda/{_REDUCE}"),
        "WorkerRole": _role(_WORKER, "A worker of sweeps: enters the accounts with a role that reads.",
                            "lambda.amazonaws.com", [*_work(), _may_log("WorkerLog")]),
        "ReduceRole": _role(_REDUCE, "Begins sweeps, and merges their results.", "lambda.amazonaws.com", [
            _allow("Read", ["s3:GetObject"], _objects(*runs, "history.db")),
            _allow("Write", ["s3:PutObject"], _objects("runs/*", "history.db")),
            _list(), _KEY, _may_log("ReduceLog")]),
        "Worker": _function(_WORKER, "Worker", "Runs one shard of a sweep.", "WorkerMemory", 1024, {
            "TASKS": _if("Tasks", "1", ""),
            # An account's quota is for everybody: slow down when AWS says so, and have a bound before.
            "AWS_RETRY_MODE": "adaptive", "AWS_MAX_ATTEMPTS": "10",
            "GUARDRAILS_CALLS_PER_SECOND": {"Ref": "CallsPerSecond"}}),
        "Reduce": _function(_REDUCE, "Reduce", "Begins a sweep, and merges its results.", "ReduceMemory", 10240, {
            "MAX_CONCURRENCY": {"Ref": "MaxConcurrency"}}),
    }


def _function(
    name: str, what: str, description: str, memory: str, storage: int, variables: dict[str, Any]
) -> dict[str, Any]:
    return {"Type": "AWS::Lambda::Function", "Properties": {
        "FunctionName": name, "Description": description, "Role": {"Fn::GetAtt": [f"{what}Role", "Arn"]},
        "PackageType": _if("FromImage", "Image", "Zip"),
        "Code": _if("FromImage", {"ImageUri": {"Ref": "Image"}},
                    {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}),
        "Handler": _if("FromImage", {"Ref": "AWS::NoValue"}, _HANDLER),
        "Runtime": _if("FromImage", {"Ref": "AWS::NoValue"}, {"Ref": "Runtime"}),
        "ImageConfig": _if("FromImage", {"Command": [_HANDLER]}),
        "Architectures": [{"Ref": "Architecture"}],
        "MemorySize": {"Ref": memory}, "EphemeralStorage": {"Size": storage}, "Timeout": 900,
        "LoggingConfig": {"LogGroup": {"Ref": f"{what}Log"}},
        "Environment": {"Variables": {"BUCKET": {"Ref": "Bucket"}, "GUARDRAILS_ASK_ONCE": "1", **variables}},
        "Tags": TAGS,
    }}


def _tasks() -> dict[str, Any]:
    """The Fargate task for shards that need more than 15 minutes, all with the condition Tasks."""
    variables = {"BUCKET": {"Ref": "Bucket"}, "GUARDRAILS_ASK_ONCE": "1", "AWS_RETRY_MODE": "adaptive",
                 "AWS_MAX_ATTEMPTS": "10", "GUARDRAILS_CALLS_PER_SECOND": {"Ref": "CallsPerSecond"}}
    source = f"arn:${{AWS::Partition}}:ecs:{_AT}*"
    found = {
        "TaskLog": _log(f"/ecs/{_WORKER}"),
        "TaskRole": _role(f"{SWEEPS}-task", "A task of sweeps: enters the accounts with a role that reads.",
                          "ecs-tasks.amazonaws.com", _work(), source),
        "TaskStartRole": _role(f"{SWEEPS}-task-start", "Pulls the image of a task, and writes its log.",
                               "ecs-tasks.amazonaws.com", [
            _allow("Token", ["ecr:GetAuthorizationToken"], "*"),
            _allow("Image", ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                   {"Fn::Sub": "arn:${AWS::Partition}:ecr:*:*:repository/*"}),
            _may_log("TaskLog")], source),
        "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": SWEEPS, "Tags": TAGS}},
        "TaskDefinition": {"Type": "AWS::ECS::TaskDefinition", "Properties": {
            "Family": SWEEPS, "RequiresCompatibilities": ["FARGATE"], "NetworkMode": "awsvpc",
            "Cpu": "1024", "Memory": "3072", "TaskRoleArn": {"Fn::GetAtt": ["TaskRole", "Arn"]},
            "ExecutionRoleArn": {"Fn::GetAtt": ["TaskStartRole", "Arn"]},
            "RuntimePlatform": {"OperatingSystemFamily": "LINUX", "CpuArchitecture": _if(
                "Arm", "ARM64", "X86_64")},
            "ContainerDefinitions": [{
                "Name": "worker", "Image": {"Ref": "Image"}, "Essential": True,
                "EntryPoint": ["python3", "-m", "guardrails.distributed.worker"],
                "Environment": [{"Name": name, "Value": value} for name, value in variables.items()],
                "LogConfiguration": {"LogDriver": "awslogs", "Options": {
                    "awslogs-group": {"Ref": "TaskLog"}, "awslogs-region": {"Ref": "AWS::Region"},
                    "awslogs-stream-prefix": "shard"}},
            }],
            "Tags": TAGS,
        }},
    }
    return {name: {"Condition": "Tasks", **each} for name, each in found.items()}


def _machine() -> dict[str, Any]:
    here = f"arn:${{AWS::Partition}}:states:{_AT}"
    in_tasks = [
        _allow("Task", ["ecs:RunTask"], {"Ref": "TaskDefinition"}),
        _allow("TaskState", ["ecs:DescribeTasks", "ecs:StopTask"],
               {"Fn::Sub": f"arn:${{AWS::Partition}}:ecs:{_AT}task/{SWEEPS}/*"}),
        _allow("TaskRoles", ["iam:PassRole"], [
            {"Fn::GetAtt": ["TaskRole", "Arn"]}, {"Fn::GetAtt": ["TaskStartRole", "Arn"]}],
            Condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}),
        _allow("TaskEnd", ["events:PutTargets", "events:PutRule", "events:DescribeRule"], {
            "Fn::Sub": f"arn:${{AWS::Partition}}:events:{_AT}rule/StepFunctionsGetEventsForECSTaskRule"}),
    ]
    return {
        "MachineLog": _log(f"/aws/vendedlogs/states/{SWEEPS}"),
        "MachineRole": _role(f"{SWEEPS}-states", "The state machine of sweeps.", "states.amazonaws.com", [
            _allow("Functions", ["lambda:InvokeFunction"], [
                {"Fn::GetAtt": ["Worker", "Arn"]}, {"Fn::GetAtt": ["Reduce", "Arn"]}]),
            _allow("Shards", ["s3:GetObject"], _objects("runs/*/shards-*.json")),
            _allow("Ends", ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
                   _objects("runs/*/results/*")),
            _allow("MapRun", ["states:StartExecution"], {"Fn::Sub": _MACHINE}),
            _allow("Children", ["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"],
                   {"Fn::Sub": f"{here}execution:{SWEEPS}/*"}),
            # CloudWatch's log deliveries have no ARNs.
            _allow("Log", [
                "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries",
                "logs:PutResourcePolicy", "logs:UpdateLogDelivery"], "*"),
            _KEY, *(_if("Tasks", each) for each in in_tasks),
        ], f"{here}stateMachine:{SWEEPS}*"),
        "StateMachine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {
            "StateMachineName": SWEEPS, "StateMachineType": "STANDARD",
            "RoleArn": {"Fn::GetAtt": ["MachineRole", "Arn"]},
            "Definition": _if("Tasks", definition(tasks=True), definition(tasks=False)),
            # Without the data: it names accounts.
            "LoggingConfiguration": {"Level": "ERROR", "IncludeExecutionData": False, "Destinations": [
                {"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["MachineLog", "Arn"]}}}]},
            "Tags": TAGS,
        }},
    }


def _schedule() -> dict[str, Any]:
    group = f"arn:${{AWS::Partition}}:scheduler:{_AT}schedule-group/default"
    return {
        "ScheduleRole": _role(
            f"{SWEEPS}-schedule", "Lets EventBridge Scheduler start the nightly sweep.", "scheduler.amazonaws.com",
            [_allow("Start", ["states:StartExecution"], {"Ref": "StateMachine"})], group),
        "Schedule": {"Type": "AWS::Scheduler::Schedule", "Properties": {
            "Name": SWEEPS, "Description": "Starts the nightly sweep of aws-guardrails.",
            "State": {"Ref": "NightlySweep"},
            "ScheduleExpression": {"Fn::Sub": "cron(0 ${Hour} * * ? *)"},
            "ScheduleExpressionTimezone": {"Ref": "TimeZone"},
            "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
            "Target": {
                "Arn": {"Ref": "StateMachine"}, "RoleArn": {"Fn::GetAtt": ["ScheduleRole", "Arn"]},
                # A start that is tried again has the same id, so it is the same run.
                "Input": json.dumps({"run": "<aws.scheduler.execution-id>", "attempt": 1, "nightly": True}),
                "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10},
            },
        }},
    }


def _alarms() -> dict[str, Any]:
    actions = _if("Alarmed", [{"Ref": "TopicArn"}])

    def metric(name: str) -> dict[str, Any]:
        return {"Namespace": "AWS/States", "MetricName": name, "Dimensions": [
            {"Name": "StateMachineArn", "Value": {"Ref": "StateMachine"}}]}

    bad = {"failed": "ExecutionsFailed", "timedout": "ExecutionsTimedOut", "aborted": "ExecutionsAborted"}
    return {
        "Failed": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
            "AlarmName": f"{SWEEPS}-failed",
            "AlarmDescription": "A sweep of aws-guardrails failed, was aborted, or ran out of time.",
            "Metrics": [
                {"Id": "all", "Expression": " + ".join(bad), "Label": "executions", "ReturnData": True},
                *({"Id": key, "ReturnData": False, "MetricStat": {"Metric": metric(name), "Period": 300, "Stat": "Sum"}}
                  for key, name in bad.items())],
            "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching", "AlarmActions": actions}},
        "Missed": {"Type": "AWS::CloudWatch::Alarm", "Condition": "Nightly", "Properties": {
            "AlarmName": f"{SWEEPS}-missed",
            "AlarmDescription": f"No sweep of aws-guardrails succeeded in {_HOURS_WITHOUT} hours.",
            **metric("ExecutionsSucceeded"), "Statistic": "Sum", "Period": 3600, "EvaluationPeriods": _HOURS_WITHOUT,
            "Threshold": 1, "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching",
            "AlarmActions": actions, "OKActions": actions}},
    }
