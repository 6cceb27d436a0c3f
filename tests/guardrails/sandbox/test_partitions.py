"""The shipped policies in GovCloud and China: deployed, answering events, audited, and without an ARN of `aws`."""
from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from guardrails.cli.main import main
from guardrails.paths import POLICIES
from guardrails.sandbox import Sandbox

ACCOUNT = "111111111111"
PARTITIONS = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}
NOT_THERE = {
    "us-gov-west-1": {"agentcore", "appsync", "macie"},
    "cn-north-1": {"agentcore", "cognito", "connect", "macie", "ses", "workspace"}}
"""The services that a region has not, by the first word of their policies' names."""
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path_factory.mktemp("partitions")) as running:
        yield running


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until the functions have answered."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "not fixed within a minute"
        time.sleep(0.2)


@pytest.mark.parametrize("region", PARTITIONS)
def test_policies_work_in_every_partition(
    sandbox: Sandbox, region: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sandbox.environment(account=ACCOUNT, region=region).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    partition = PARTITIONS[region]
    ec2, iam, trail = (sandbox.client(name, ACCOUNT, region) for name in ("ec2", "iam", "cloudtrail"))
    assert sandbox.client("sts", ACCOUNT, region).get_caller_identity()["Arn"].startswith(f"arn:{partition}:")
    iam.create_role(RoleName="guardrails", AssumeRolePolicyDocument=json.dumps(TRUST))
    topic = sandbox.client("sns", ACCOUNT, region).create_topic(Name="guardrails-compliance")["TopicArn"]
    assert topic == f"arn:{partition}:sns:{region}:{ACCOUNT}:guardrails-compliance"

    names = ("security-group-admin-ports-revert", "cloudtrail-logging-restart")
    deployed = CliRunner().invoke(main, ["deploy", *names, "--heal", "--yes", "-o", "deploy"])
    assert deployed.stdout.startswith("COMPLETE: 2 created"), deployed.output
    again = CliRunner().invoke(main, ["deploy", *names, "--heal", "--dry-run", "--json"])
    assert (again.exit_code, json.loads(again.stdout)["changes"]) == (0, False), again.output

    sandbox.client("s3", ACCOUNT, region).create_bucket(
        Bucket=f"logs-{region}", CreateBucketConfiguration={"LocationConstraint": region})
    trail.create_trail(Name="main", S3BucketName=f"logs-{region}", IsMultiRegionTrail=True)
    trail.start_logging(Name="main")
    group = ec2.create_security_group(GroupName="g", Description="g")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    trail.stop_logging(Name="main")

    def fixed() -> bool:
        found = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        return not found["IpPermissions"] and trail.get_trail_status(Name="main")["IsLogging"]

    eventually(fixed)

    def receipts() -> list[dict[str, Any]]:
        logs = [sandbox.logs(f"custodian-{name}", ACCOUNT, region) for name in names]
        return [json.loads(line[line.index("{"):])
                for log in logs for line in log.splitlines() if "receipt {" in line]

    eventually(lambda: len({receipt["policy"] for receipt in receipts()}) == len(names))
    assert "reverted" in {receipt["outcome"] for receipt in receipts()}
    assert "arn:aws:" not in json.dumps(receipts())

    audited = CliRunner().invoke(main, ["audit", "--history", "none", "--format", "json", "-o", "audit"])
    report = (tmp_path / "audit" / "report.json").read_text()
    # moto has no backend where AWS has no service, and answers otherwise than a name that does not exist.
    incomplete = {check["policy"]: check["reason"] for check in json.loads(report)["runs"]
                  if check["state"] not in ("ran", "skipped")}
    assert {name.partition("-")[0] for name in incomplete} == NOT_THERE[region], audited.output
    assert all(f"KeyError: '{region}'" in reason for reason in incomplete.values()), incomplete
    arns = [finding["arn"] for finding in json.loads(report)["findings"] if finding["arn"]]
    assert arns
    assert [arn for arn in arns if not arn.startswith(f"arn:{partition}:")] == []


def test_no_policy_names_a_partition() -> None:
    assert [file for file in POLICIES.rglob("*.yml") if "arn:aws:" in file.read_text()] == []
