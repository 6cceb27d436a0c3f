"""The nightly audit, as a CloudFormation template: a schedule, a build project that runs it, and its bucket and topic.

A CodeBuild project needs no VPC, cluster or image of ours, and costs only the minutes that it runs. The job may enter
the accounts with the operator's reading roles (`iam`), use its own bucket and topic, and write its log: nothing else.

The topic is not the compliance topic: that one carries JSON for programs, and the responder acts on it. This one
carries text that people read in their mail. An alarm tells when no night's build succeeded: it needs nothing of what
may be broken, such as the schedule or its role.

Source: CodeBuild's guide, "Cross-service confused deputy prevention" and "Build notifications input format";
EventBridge Scheduler's guide, "Confused deputy prevention": the source is the group of the schedule.
"""
from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from custom_actions.names import DOCTOR_ROLE, NIGHTLY, SWEEP_ROLE

from .bucket import encrypted_bucket
from .parquet_tables import DATABASE, PARQUET, parquet_tables
from .parts import TAGS, Template, named, template

_HISTORY, _SOURCE, _REPORTS = "history.db", "source/team.zip", "reports"
_AT = "${AWS::Region}:${AWS::AccountId}:"
_PROJECT = f"arn:${{AWS::Partition}}:codebuild:{_AT}project/{NIGHTLY}"
_FAILURES = ("FAILED", "FAULT", "STOPPED", "TIMED_OUT")
_PYTHON, _VENV = "3.12", "/tmp/guardrails"  # noqa: S108 - in a container of its own
_HOURS_WITHOUT = 30
"""Hours without a successful build after which the alarm tells: a day, and how much longer a build may take."""


def job_script() -> str:
    """The commands of the job, for bash. Variables: BUCKET, TOPIC, ACCOUNTS, DOCTOR_ACCOUNTS and PARQUET."""
    return files("guardrails.stacks").joinpath("nightly.sh").read_text(encoding="utf-8")


def buildspec() -> str:
    """The build specification. JSON is YAML, too."""
    return json.dumps({
        "version": 0.2,
        "env": {"shell": "bash"},
        "phases": {
            # $PACKAGE is split into words: it may be `-r requirements.txt`.
            "install": {"runtime-versions": {"python": _PYTHON}, "commands": [
                f"python3 -m venv {_VENV} && {_VENV}/bin/pip install --quiet $PACKAGE"]},
            # In a subshell: CodeBuild's own commands run in the same shell.
            "build": {"commands": [f"(\nexport PATH=\"{_VENV}/bin:$PATH\"\n{job_script()})"]},
        },
    }, indent=1)


def schedule() -> Template:
    """The template, for a stack in the operator's account. Its roles have names, so it needs CAPABILITY_NAMED_IAM."""
    return template("aws-guardrails: audits all accounts every night, and sends what changed.", {
        "Package": {
            "Type": "String", "AllowedPattern": "[\\w.,=/@:+~<>\\[\\] -]+",
            "Description": "What pip installs, pinned: ./aws_guardrails-0.1.0-py3-none-any.whl or -r requirements.txt "
                           "of the zip file, or aws-guardrails==0.1.0.",
        },
        "Email": {
            "Type": "String", "Default": "", "AllowedPattern": "([^@ ]+@[^@ ]+)?",
            "Description": "An address that gets the mails; it must confirm. Empty: subscribe to the topic yourself.",
        },
        "Hour": {
            "Type": "Number", "Default": 3, "MinValue": 0, "MaxValue": 23,
            "Description": "The hour of the day at which the audit starts.",
        },
        "TimeZone": {
            "Type": "String", "Default": "UTC", "AllowedPattern": "[A-Za-z0-9_+/-]+",
            "Description": "The time zone of the hour: UTC, Europe/Berlin.",
        },
        "AccountsFile": {
            "Type": "String", "Default": "accounts.yml", "MinLength": 1,
            "Description": "accounts.yml in the zip file, with the sweep role in each account.",
        },
        "DoctorAccountsFile": {
            "Type": "String", "Default": "",
            "Description": "The same with the doctor's role in each account. Empty: the doctor does not run.",
        },
        "SweepRoleName": _role_name(SWEEP_ROLE, "The role of audit in the accounts, from the stack of iam."),
        "DoctorRoleName": _role_name(DOCTOR_ROLE, "The role of doctor in the accounts, from the stack of iam."),
        "Image": {
            "Type": "String", "Default": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
            "Description": "The image of the job: CodeBuild's own, or another x86 image with bash and Python, such as "
                           "public.ecr.aws/docker/library/python:3.12-slim.",
        },
        "ComputeType": {
            "Type": "String", "Default": "BUILD_GENERAL1_SMALL",
            "AllowedValues": ["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"],
            "Description": "Processors and memory: 2 and 4 GB, 4 and 8 GB, 8 and 16 GB.",
        },
        "TimeoutMinutes": {
            "Type": "Number", "Default": 240, "MinValue": 5, "MaxValue": 1380,
            "Description": "After this time the job is stopped, and a mail tells it.",
        },
        "RetentionDays": {
            "Type": "Number", "Default": 400, "MinValue": 1,
            "Description": "After how many days reports are deleted, and the Parquet files of a run.",
        },
        "Parquet": {
            "Type": "String", "Default": "false", "AllowedValues": ["true", "false"],
            "Description": "Also write each run as Parquet, with tables for Athena. Package needs the extra [query], "
                           "as in aws-guardrails[query]==0.1.0.",
        },
        "KmsKeyArn": {
            "Type": "String", "Default": "",
            "Description": "A KMS key of this account for the bucket and the topic, which events.amazonaws.com and "
                           "cloudwatch.amazonaws.com may use. Empty: SSE-S3, and no encryption of the topic.",
        },
    }, {
        **_bucket(), **_topic(), **_job(), **_schedule(), **_tables(),
    }, {
        "BucketName": {"Value": {"Ref": "Bucket"}},
        "SourceUrl": {"Value": {"Fn::Sub": f"s3://${{Bucket}}/{_SOURCE}"},
                      "Description": "Where CI uploads the team's repository as a zip file."},
        "HistoryUrl": {"Value": {"Fn::Sub": f"s3://${{Bucket}}/{_HISTORY}"}, "Description": "For trend --history."},
        "ParquetUrl": {"Value": {"Fn::Sub": f"s3://${{Bucket}}/{PARQUET}"}, "Condition": "Queried",
                       "Description": f"For query --parquet. Athena's database is {DATABASE}."},
        "TopicArn": {"Value": {"Ref": "Topic"}},
        "ProjectName": {"Value": {"Ref": "Project"}},
    }, conditions={
        "Encrypted": named("KmsKeyArn"),
        "Mailed": named("Email"),
        "Examined": named("DoctorAccountsFile"),
        "Queried": {"Fn::Equals": [{"Ref": "Parquet"}, "true"]},
        "OwnImage": {"Fn::Not": [{"Fn::Equals": [{"Fn::Select": [0, {"Fn::Split": ["/", {"Ref": "Image"}]}]}, "aws"]}]},
    })


def _role_name(default: str, description: str) -> dict[str, Any]:
    # Without wildcards: it becomes part of an ARN.
    return {"Type": "String", "Default": default, "AllowedPattern": "[\\w+=,.@-]{1,64}", "Description": description}


def _if(condition: str, value: Any) -> dict[str, Any]:
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


def _on_removal(word: str) -> dict[str, str]:
    return {"DeletionPolicy": word, "UpdateReplacePolicy": word}


def _policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"PolicyName": "calls", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}


def _object(key: str) -> dict[str, Any]:
    return {"Fn::Sub": f"${{Bucket.Arn}}/{key}"}


def _bucket() -> dict[str, Any]:
    return encrypted_bucket([
        {"Id": "reports", "Status": "Enabled", "Prefix": f"{_REPORTS}/", "ExpirationInDays": {"Ref": "RetentionDays"}},
        {"Id": "parquet", "Status": "Enabled", "Prefix": f"{PARQUET}/", "ExpirationInDays": {"Ref": "RetentionDays"}},
        {"Id": "old-versions", "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    ])


def _topic() -> dict[str, Any]:
    """The topic, a mail when the job failed, and one when it did not run."""
    return {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {
            "TopicName": NIGHTLY, "KmsMasterKeyId": _if("Encrypted", {"Ref": "KmsKeyArn"}), "Tags": TAGS}},
        "TopicPolicy": {"Type": "AWS::SNS::TopicPolicy", "Properties": {
            "Topics": [{"Ref": "Topic"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                # Without a condition: EventBridge passes no values to SNS, so a condition would never match.
                "Sid": "EventBridge", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sns:Publish", "Resource": {"Ref": "Topic"},
            }, {
                "Sid": "CloudWatch", "Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": "sns:Publish", "Resource": {"Ref": "Topic"},
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
                    "ArnEquals": {"aws:SourceArn": {
                        "Fn::Sub": f"arn:${{AWS::Partition}}:cloudwatch:{_AT}alarm:{NIGHTLY}"}},
                },
            }]},
        }},
        "Subscription": {"Type": "AWS::SNS::Subscription", "Condition": "Mailed", "Properties": {
            "TopicArn": {"Ref": "Topic"}, "Protocol": "email", "Endpoint": {"Ref": "Email"}}},
        "Failure": {"Type": "AWS::Events::Rule", "DependsOn": "TopicPolicy", "Properties": {
            "Name": NIGHTLY,
            "Description": "Tells when the nightly audit of aws-guardrails failed, was stopped, or ran out of time.",
            "EventPattern": {
                "source": ["aws.codebuild"], "detail-type": ["CodeBuild Build State Change"],
                "detail": {"project-name": [NIGHTLY], "build-status": list(_FAILURES)},
            },
            "Targets": [{"Id": "topic", "Arn": {"Ref": "Topic"}, "InputTransformer": {
                "InputPathsMap": {"status": "$.detail.build-status", "build": "$.detail.build-id",
                                  "log": "$.detail.additional-information.logs.deep-link"},
                "InputTemplate": '"The nightly audit did not end: <status>. Nothing is known about this night.\\n'
                                 'Build: <build>\\nLog: <log>"',
            }}],
        }},
        "Missed": {"Type": "AWS::CloudWatch::Alarm", "DependsOn": "TopicPolicy", "Properties": {
            "AlarmName": NIGHTLY,
            "AlarmDescription": f"No nightly audit of aws-guardrails succeeded in {_HOURS_WITHOUT} hours.",
            "Namespace": "AWS/CodeBuild", "MetricName": "SucceededBuilds", "Statistic": "Sum",
            "Dimensions": [{"Name": "ProjectName", "Value": NIGHTLY}],
            "Period": 3600, "EvaluationPeriods": _HOURS_WITHOUT, "Threshold": 1,
            "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching",
            "AlarmActions": [{"Ref": "Topic"}], "OKActions": [{"Ref": "Topic"}],
        }},
    }


def _job() -> dict[str, Any]:
    """The build project, its log and its role."""
    return {
        "Log": {"Type": "AWS::Logs::LogGroup", **_on_removal("Delete"), "Properties": {
            "LogGroupName": f"/aws/codebuild/{NIGHTLY}", "RetentionInDays": 400, "Tags": TAGS}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {
            "RoleName": NIGHTLY,
            "Description": "The nightly audit: enters the accounts with roles that read.",
            "AssumeRolePolicyDocument": _trust("codebuild.amazonaws.com", _PROJECT),
            "Policies": [_policy(_calls())],
            "Tags": TAGS,
        }},
        "Project": {"Type": "AWS::CodeBuild::Project", "Properties": {
            "Name": NIGHTLY,
            "Description": "audit, doctor and publish of aws-guardrails",
            "ServiceRole": {"Fn::GetAtt": ["Role", "Arn"]},
            "Source": {"Type": "S3", "Location": {"Fn::Sub": f"${{Bucket}}/{_SOURCE}"}, "BuildSpec": buildspec()},
            "Artifacts": {"Type": "NO_ARTIFACTS"},
            "Environment": {
                "Type": "LINUX_CONTAINER", "ComputeType": {"Ref": "ComputeType"}, "Image": {"Ref": "Image"},
                "ImagePullCredentialsType": {"Fn::If": ["OwnImage", "SERVICE_ROLE", "CODEBUILD"]},
                "PrivilegedMode": False,
                "EnvironmentVariables": [{"Name": name, "Value": {"Ref": value}} for name, value in (
                    ("PACKAGE", "Package"), ("BUCKET", "Bucket"), ("TOPIC", "Topic"), ("ACCOUNTS", "AccountsFile"),
                    ("DOCTOR_ACCOUNTS", "DoctorAccountsFile"), ("PARQUET", "Parquet"))],
            },
            "LogsConfig": {"CloudWatchLogs": {"Status": "ENABLED", "GroupName": {"Ref": "Log"}}},
            # A second start waits for nothing and is refused; the schedule tries again.
            "ConcurrentBuildLimit": 1,
            "TimeoutInMinutes": {"Ref": "TimeoutMinutes"},
            "Tags": TAGS,
        }},
    }


def _calls() -> list[dict[str, Any]]:
    """The statements of the job's role."""

    def allow(sid: str, actions: list[str], resource: Any, **more: Any) -> dict[str, Any]:
        return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource, **more}

    def role(parameter: str) -> dict[str, Any]:
        return {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::*:role/${{{parameter}}}"}

    return [
        allow("Accounts", ["sts:AssumeRole"], [role("SweepRoleName"), _if("Examined", role("DoctorRoleName"))]),
        allow("Source", ["s3:GetObject", "s3:GetObjectVersion"], _object(_SOURCE)),
        allow("History", ["s3:GetObject", "s3:PutObject"], _object(_HISTORY)),
        # Without it, S3 does not tell a history that does not exist yet from one that is refused.
        allow("HistoryOrNone", ["s3:ListBucket"], {"Fn::GetAtt": ["Bucket", "Arn"]}),
        allow("Reports", ["s3:PutObject"], _object(f"{_REPORTS}/*")),
        _if("Queried", allow("Parquet", ["s3:PutObject"], _object(f"{PARQUET}/*"))),
        allow("Mail", ["sns:Publish"], {"Ref": "Topic"}),
        allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": ["Log", "Arn"]}),
        _if("Encrypted", allow("Key", ["kms:Decrypt", "kms:GenerateDataKey"], {"Ref": "KmsKeyArn"})),
    ]


def _tables() -> dict[str, Any]:
    return {name: {**resource, "Condition": "Queried"} for name, resource in parquet_tables().items()}


def _schedule() -> dict[str, Any]:
    """The schedule, and its role, which may start this build and nothing else."""
    group = f"arn:${{AWS::Partition}}:scheduler:{_AT}schedule-group/default"
    return {
        "ScheduleRole": {"Type": "AWS::IAM::Role", "Properties": {
            "RoleName": f"{NIGHTLY}-schedule",
            "Description": "Lets EventBridge Scheduler start the nightly audit.",
            "AssumeRolePolicyDocument": _trust("scheduler.amazonaws.com", group),
            "Policies": [_policy([{
                "Effect": "Allow", "Action": "codebuild:StartBuild", "Resource": {"Fn::GetAtt": ["Project", "Arn"]}}])],
            "Tags": TAGS,
        }},
        "Schedule": {"Type": "AWS::Scheduler::Schedule", "Properties": {
            "Name": NIGHTLY,
            "Description": "Starts the nightly audit of aws-guardrails.",
            "ScheduleExpression": {"Fn::Sub": "cron(0 ${Hour} * * ? *)"},
            "ScheduleExpressionTimezone": {"Ref": "TimeZone"},
            "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
            "Target": {
                "Arn": {"Fn::GetAtt": ["Project", "Arn"]}, "RoleArn": {"Fn::GetAtt": ["ScheduleRole", "Arn"]},
                "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10},
            },
        }},
    }


def _trust(service: str, source: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service},
        "Condition": {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
            "ArnEquals": {"aws:SourceArn": {"Fn::Sub": source}},
        },
    }]}
