"""Back to the last compliant version, end to end: AWS Config records and judges, an event calls the function."""
from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from c7n import utils

from guardrails.sandbox import Sandbox
from tests import engine
from tests.moto_server import REGION

ACCOUNT = "300000000777"
FUNCTION = {
    "role": f"arn:aws:iam::{ACCOUNT}:role/guardrails", "packages": ["custom_actions"],
    "handler": "custom_actions.lambda_entry.run", "runtime": "python3.12",
}
SSH = {"type": "ingress-drift", "forbidden": ["tcp 22 from world"]}
# A rule that judges and fixes nothing: what it says is about what it saw.
JUDGE = {"name": "no-ssh", "resource": "aws.security-group", "mode": {"type": "config-rule", **FUNCTION},
         "metadata": {"response": "none"}, "filters": [SSH]}
BACK = {
    "name": "back", "resource": "aws.security-group",
    "mode": {"type": "cloudtrail", **FUNCTION, "events": [{
        "source": "ec2.amazonaws.com", "event": "AuthorizeSecurityGroupIngress",
        "ids": "requestParameters.groupId"}]},
    "filters": [SSH],
    "actions": [{"type": "revert-ingress", "baseline": "last-compliant", "config-rule": "custodian-no-ssh"}],
}


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with Sandbox.start(directory=tmp_path / "sandbox") as running:
        for name, value in running.environment(ACCOUNT, REGION).items():
            monkeypatch.setenv(name, value)
        utils.reset_session_cache()
        config = running.client("config", ACCOUNT, REGION)
        running.client("s3", ACCOUNT, REGION).create_bucket(Bucket="config-of-the-test")
        running.client("iam", ACCOUNT, REGION).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
        config.put_configuration_recorder(ConfigurationRecorder={
            "name": "default", "roleARN": FUNCTION["role"], "recordingGroup": {"allSupported": True}})
        config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "config-of-the-test"})
        config.start_configuration_recorder(ConfigurationRecorderName="default")
        yield running
    utils.reset_session_cache()


def test_what_was_closed_comes_back_and_what_was_opened_goes(sandbox: Sandbox, tmp_path: Path) -> None:
    ec2 = sandbox.client("ec2", ACCOUNT, REGION)
    group = ec2.create_security_group(GroupName="g", Description="g")["GroupId"]
    https = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
              "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "https"}, {"CidrIp": "192.0.2.0/24"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=https)
    sandbox.settle()
    for policy in (JUDGE, BACK):
        engine.load(policy, tmp_path / "out", account=ACCOUNT)()
    sandbox.settle()

    def ingress() -> set[tuple[int, str, str]]:
        [found] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        return {
            (permission["FromPort"], source["CidrIp"], source.get("Description", ""))
            for permission in found["IpPermissions"] for source in permission["IpRanges"]
        }

    before = ingress()
    assert len(before) == 2
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=https)
    sandbox.settle()
    assert ingress() == set(), "nothing was opened, so nobody answered"
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    end = time.monotonic() + 60
    while "receipt" not in (log := sandbox.logs("custodian-back", ACCOUNT, REGION)) and time.monotonic() < end:
        time.sleep(0.1)
    assert ingress() == before, log
    assert "the baseline is the version that AWS Config recorded at" in log
