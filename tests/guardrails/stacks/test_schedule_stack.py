"""The nightly audit: CloudFormation takes the stack, its roles may do little, and its job does what it says."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from custom_actions.names import NIGHTLY
from guardrails.parquet import TABLES, ask, parquet_place
from guardrails.results import history_place
from guardrails.stacks.schedule_stack import schedule
from tests.cloudformation import Stack

from ..conftest import HOME, RED, Cloud, guardrails, role

BUCKET, TOPIC, REGION = "nightly-bucket", f"arn:aws:sns:us-east-1:{HOME}:{NIGHTLY}", "us-east-1"
NAMES = {
    "Bucket": BUCKET, "Database": "guardrails", "Bucket.Arn": f"arn:aws:s3:::{BUCKET}", "Topic": TOPIC,
    "Log": "log", "Log.Arn": "arn:log:*",
    "Role.Arn": "arn:role", "Project": NIGHTLY, "Project.Arn": "arn:project", "ScheduleRole.Arn": "arn:schedule-role"}


def stack(**parameters: str) -> Stack:
    return Stack(schedule(), HOME, REGION, NAMES, Package="-r requirements.txt", **parameters)


def one(found: dict[str, Any]) -> Any:
    [only] = found.values()
    return only


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "cn-north-1"])
def test_cloudformation_takes_it_in_every_partition(tmp_path: Path, region: str) -> None:
    assert guardrails("templates", "schedule", "-o", tmp_path / "out").exit_code == 0
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["schedule.template.json"]
    text = (tmp_path / "out" / "schedule.template.json").read_text()
    lint = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "-t", "schedule.template.json", "-r", region],
        cwd=tmp_path / "out", capture_output=True, text=True, timeout=120)
    assert (lint.returncode, lint.stdout) == (0, "")
    assert "arn:aws:" not in text
    assert len(text) < 51_200, "what create-stack takes without an upload"
    assert all(each["Description"] for each in json.loads(text)["Parameters"].values())


def test_a_template_that_there_is_not_is_an_error(tmp_path: Path) -> None:
    ended = guardrails("templates", "shedule", "-o", tmp_path / "out")
    assert (ended.exit_code, "did you mean schedule" in ended.stderr) == (1, True)
    assert not (tmp_path / "out").exists()
    assert "there is no template hub" in guardrails("templates", "hub", "-o", tmp_path / "out").stderr


def calls(roles: dict[str, Any], name: str) -> dict[str, Any]:
    """Action to the resource on which the role may make the call."""
    statements = [each for policy in roles[name]["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    assert all(each["Effect"] == "Allow" for each in statements)
    listed: dict[str, Any] = {}
    for each in statements:
        for action in [each["Action"]] if isinstance(each["Action"], str) else each["Action"]:
            listed.setdefault(action, []).append(each["Resource"])
    return listed


def test_the_roles_may_do_what_the_job_needs_and_nothing_else() -> None:
    roles = stack().resources("AWS::IAM::Role")
    assert calls(roles, "ScheduleRole") == {"codebuild:StartBuild": ["arn:project"]}
    bucket = f"arn:aws:s3:::{BUCKET}"
    assert calls(roles, "Role") == {
        "sts:AssumeRole": [["arn:aws:iam::*:role/guardrails-sweep"]],
        "s3:GetObject": [f"{bucket}/source/team.zip", f"{bucket}/history.db"],
        "s3:GetObjectVersion": [f"{bucket}/source/team.zip"],
        "s3:PutObject": [f"{bucket}/history.db", f"{bucket}/reports/*"], "s3:ListBucket": [bucket],
        "sns:Publish": [TOPIC], "logs:CreateLogStream": ["arn:log:*"], "logs:PutLogEvents": ["arn:log:*"]}
    key = f"arn:aws:kms:us-east-1:{HOME}:key/k"
    more = calls(stack(KmsKeyArn=key, DoctorAccountsFile="doctor.yml").resources("AWS::IAM::Role"), "Role")
    assert more["kms:Decrypt"] == more["kms:GenerateDataKey"] == [key]
    assert more["sts:AssumeRole"] == [[f"arn:aws:iam::*:role/guardrails-{name}" for name in ("sweep", "doctor")]]


def test_the_tables_come_with_parquet_and_are_where_the_job_writes() -> None:
    assert not stack().resources("AWS::Glue::Table")
    made = stack(Parquet="true")
    tables = made.resources("AWS::Glue::Table")
    assert {each["TableInput"]["Name"]: each["TableInput"]["StorageDescriptor"]["Location"]
            for each in tables.values()} == {name: f"s3://{BUCKET}/parquet/{name}/" for name in TABLES}
    for each in tables.values():
        parameters = each["TableInput"]["Parameters"]
        assert parameters["storage.location.template"] == (
            f"s3://{BUCKET}/parquet/{each['TableInput']['Name']}/run_date=${{run_date}}/")
        [partition] = each["TableInput"]["PartitionKeys"]
        assert parameters[f"projection.{partition['Name']}.type"] == partition["Type"] == "date"
        assert all(len(column["Comment"]) <= 255 for column in each["TableInput"]["StorageDescriptor"]["Columns"])
    assert calls(made.resources("AWS::IAM::Role"), "Role")["s3:PutObject"][-1] == f"arn:aws:s3:::{BUCKET}/parquet/*"


def test_each_role_is_for_one_service_and_one_source() -> None:
    roles = stack().resources("AWS::IAM::Role")
    for name, service, source in (
        ("Role", "codebuild.amazonaws.com", f"arn:aws:codebuild:us-east-1:{HOME}:project/{NIGHTLY}"),
        ("ScheduleRole", "scheduler.amazonaws.com", f"arn:aws:scheduler:us-east-1:{HOME}:schedule-group/default"),
    ):
        assert roles[name]["AssumeRolePolicyDocument"]["Statement"] == [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}, "Condition": {
                "StringEquals": {"aws:SourceAccount": HOME}, "ArnEquals": {"aws:SourceArn": source}}}]


def test_the_bucket_is_private_encrypted_and_versioned() -> None:
    plain = one(stack().resources("AWS::S3::Bucket"))
    assert "BucketName" not in plain
    assert plain["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(plain["PublicAccessBlockConfiguration"].values()) == {True}
    [rule] = plain["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    [rule] = one(stack(KmsKeyArn="key").resources("AWS::S3::Bucket"))["BucketEncryption"][
        "ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"}
    [statement] = one(stack().resources("AWS::S3::BucketPolicy"))["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    # The history and the source have no expiry.
    assert [each.get("Prefix") for each in plain["LifecycleConfiguration"]["Rules"]
            if "ExpirationInDays" in each] == ["reports/", "parquet/"]


def test_one_build_at_a_time_and_each_end_but_success_is_told() -> None:
    project = one(stack().resources("AWS::CodeBuild::Project"))
    assert project["ConcurrentBuildLimit"] == 1
    assert project["Environment"]["ImagePullCredentialsType"] == "CODEBUILD"
    slim = one(stack(Image="public.ecr.aws/docker/library/python:3.12-slim").resources("AWS::CodeBuild::Project"))
    assert slim["Environment"]["ImagePullCredentialsType"] == "SERVICE_ROLE"
    pattern = one(stack().resources("AWS::Events::Rule"))["EventPattern"]["detail"]
    assert pattern == {"project-name": [NIGHTLY], "build-status": ["FAILED", "FAULT", "STOPPED", "TIMED_OUT"]}
    assert one(stack(Hour="5").resources("AWS::Scheduler::Schedule"))["ScheduleExpression"] == "cron(0 5 * * ? *)"
    assert stack().resources("AWS::SNS::Subscription") == {}
    assert one(stack(Email="a@example.com").resources("AWS::SNS::Subscription"))["Protocol"] == "email"


@pytest.fixture
def mails(cloud: Cloud) -> Callable[[], list[tuple[str, str]]]:
    """The bucket and the topic of the stack; gives the subject and text of each mail since the last call."""
    s3, sns, sqs = cloud.client("s3"), cloud.client("sns"), cloud.client("sqs")
    s3.create_bucket(Bucket=BUCKET)
    assert sns.create_topic(Name=NIGHTLY)["TopicArn"] == TOPIC
    queue = sqs.create_queue(QueueName="mails")["QueueUrl"]
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{HOME}:mails")

    def read() -> list[tuple[str, str]]:
        found = []
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            body = json.loads(message["Body"])
            found.append((body["Subject"], body["Message"]))
        return found

    return read


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """What the zip file has, and a directory with `guardrails` for PATH."""
    directory = tmp_path / "team"
    directory.mkdir()
    (directory / "guardrails.yml").write_text(
        "packs: [{name: aws-guardrails, policies: [security-group-admin-ports]}]\n")
    (directory / "accounts.yml").write_text(yaml.safe_dump({"accounts": [
        {"name": "red", "account_id": RED, "role": role(RED), "regions": ["eu-west-1"]}]}))
    program = tmp_path / "bin" / "guardrails"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom guardrails.cli.main import main\nmain()\n")
    program.chmod(0o755)
    return directory


def night(team: Path, **parameters: str) -> subprocess.CompletedProcess[str]:
    """Run the build as the project's specification says, without installing the package."""
    project = one(stack(**parameters).resources("AWS::CodeBuild::Project"))
    spec = yaml.safe_load(project["Source"]["BuildSpec"])
    variables = {each["Name"]: each["Value"] for each in project["Environment"]["EnvironmentVariables"]}
    path = os.pathsep.join((str(team.parent / "bin"), os.environ["PATH"]))
    return subprocess.run(
        [spec["env"]["shell"], "-ec", "\n".join(spec["phases"]["build"]["commands"])], cwd=team, text=True,
        capture_output=True, timeout=300, env={**os.environ, **variables, "PATH": path}, check=False)


def test_two_nights_and_what_changed_between_them(
    cloud: Cloud, mails: Callable[[], list[tuple[str, str]]], team: Path
) -> None:
    old = cloud.open_group(RED, "eu-west-1")
    first = night(team, DoctorAccountsFile="accounts.yml")
    assert first.returncode == 0, first.stdout + first.stderr
    [(subject, text)] = mails()
    assert subject.startswith("aws-guardrails: 1 new, 0 reopened, 0 fixed, 1 open, score ")
    assert subject.endswith(", doctor INCOMPLETE"), "nothing is deployed, so nothing is known to work"
    assert f"- critical  red  eu-west-1  security-group-admin-ports  {old}\n" in text
    assert "\nDoctor: INCOMPLETE\n- unknown  red  functions  no function of this project is deployed there" in text

    cloud.client("ec2", RED, "eu-west-1").delete_security_group(GroupId=old)
    new = cloud.client("ec2", RED, "eu-west-1").create_security_group(GroupName="new", Description="x")["GroupId"]
    cloud.client("ec2", RED, "eu-west-1").authorize_security_group_ingress(
        GroupId=new, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    assert night(team).returncode == 0
    [(subject, text)] = mails()
    assert subject.startswith("aws-guardrails: 1 new, 0 reopened, 1 fixed, 1 open, score ")
    assert "doctor" not in subject.lower() + text.lower()
    assert text.index("New findings") < text.index(new) < text.index("Fixed findings") < text.index(old)
    with history_place(f"s3://{BUCKET}/history.db").reading() as history:
        assert [(run.new, run.fixed) for run in history.runs()] == [(1, 0), (1, 1)]
    keys = [each["Key"] for each in cloud.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]
    reports = [key for key in keys if key.endswith("/report.html")]
    assert len(reports) == 2 and all(key.startswith("reports/") for key in reports)
    assert f"Report: s3://{BUCKET}/{reports[1]}\n" in text or f"Report: s3://{BUCKET}/{reports[0]}\n" in text
    assert not [key for key in keys if key.startswith("parquet/")]
    assert night(team, Parquet="true").returncode == 0
    answer = ask("select count(*) from runs join checks using (run)", parquet_place(f"s3://{BUCKET}/parquet"))
    assert answer.runs == 1 and answer.rows[0][0] > 0
    mails()
    ended = night(team, AccountsFile="missing.yml")
    assert ended.returncode != 0 and mails() == [] and not (team / "output").exists()


def test_an_account_that_cannot_be_entered_is_in_the_mail(
    cloud: Cloud, mails: Callable[[], list[tuple[str, str]]], team: Path
) -> None:
    cloud.no_way_in.add(RED)
    assert night(team).returncode == 0
    [(subject, text)] = mails()
    assert subject.startswith("aws-guardrails: INCOMPLETE, ")
    assert "\nChecks that did not complete\n- red  eu-west-1  security-group-admin-ports  denied  " in text
