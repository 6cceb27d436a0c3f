"""One small permission is not enough: with events:PutEvents, sns:Publish or lambda:InvokeFunction nothing is opened.

The real archive of the project's own policy for locked groups, in the sandbox.
"""
from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from guardrails.sandbox import Sandbox
from tests.guardrails.sandbox.conftest import eventually, security_group
from tests.policies.harness import deploy, policies

ACCOUNT, REGION = "123456789012", "us-east-1"
NAME = "security-group-locked-revert"
CASES = Path(__file__).parents[3] / "cases"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    directory = tmp_path_factory.mktemp("forged")
    with Sandbox.start(directory=directory / "sandbox") as running:
        running.client("iam", ACCOUNT).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
        running.client("sns", ACCOUNT, REGION).create_topic(Name="guardrails-compliance")
        policy = policies()[NAME][1]
        policy = {**policy, "mode": {key: value for key, value in policy["mode"].items() if key != "delay"}}
        file = directory / "policy.yml"
        file.write_text(yaml.safe_dump({"policies": [policy]}), encoding="utf-8")
        deploy(running, directory, [file])
        yield running


@pytest.fixture
def locked(sandbox: Sandbox, request: pytest.FixtureRequest) -> str:
    ec2 = sandbox.client("ec2", ACCOUNT, REGION)
    group = security_group(sandbox, ACCOUNT, REGION, request.node.name[:60])
    ec2.create_tags(Resources=[group], Tags=[{"Key": "guardrails-ingress", "Value": "locked"}])
    return group


def ingress(sandbox: Sandbox, group: str) -> list[Any]:
    found = sandbox.client("ec2", ACCOUNT, REGION).describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return list(found[0]["IpPermissions"])


def refused(sandbox: Sandbox) -> list[dict[str, Any]]:
    lines = sandbox.logs(f"custodian-{NAME}", ACCOUNT, REGION).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and "RefusedEvents" in line]


def forged(group: str, **change: Any) -> dict[str, Any]:
    """That somebody has revoked 443 from an office's address, which nobody has."""
    event = json.loads((CASES / "forged-revoke.json").read_text(encoding="utf-8"))
    event["detail"]["requestParameters"]["groupId"] = group
    permission = event["detail"]["requestParameters"]["ipPermissions"]["items"][0]
    permission.update(fromPort=443, toPort=443, ipRanges={"items": [{"cidrIp": "198.51.100.0/24"}]})
    event["detail"] |= {
        "awsRegion": REGION, "recipientAccountId": ACCOUNT,
        "eventTime": (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    return {**event, "account": ACCOUNT, "region": REGION, **change}


def invoke(sandbox: Sandbox, event: dict[str, Any]) -> Any:
    answer = sandbox.client("lambda", ACCOUNT, REGION).invoke(
        FunctionName=f"custodian-{NAME}", Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read())


def test_put_events_reaches_no_function(sandbox: Sandbox, locked: str) -> None:
    bus, event = sandbox.client("events", ACCOUNT, REGION), forged(locked)
    entry = {"DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
    before = sandbox.logs(f"custodian-{NAME}", ACCOUNT, REGION).count("START RequestId")
    answer = bus.put_events(Entries=[{**entry, "Source": "attacker.app"}, {**entry, "Source": "aws.ec2"}])
    # EventBridge itself refuses a source of AWS's.
    assert [bool(each.get("ErrorCode")) for each in answer["Entries"]] == [False, True]
    # A real event behind it, so that the forged one has had its time.
    sandbox.client("ec2", ACCOUNT, REGION).authorize_security_group_ingress(
        GroupId=locked, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    eventually(lambda: not ingress(sandbox, locked), 60)
    assert sandbox.logs(f"custodian-{NAME}", ACCOUNT, REGION).count("START RequestId") - before <= 2
    assert ingress(sandbox, locked) == []


def test_a_source_of_a_doctors_probe_forges_nothing(sandbox: Sandbox, locked: str) -> None:
    """Its source passes the rule, so that the function itself has to refuse the event, log it and count it."""
    event, before = forged(locked), len(refused(sandbox))
    sandbox.client("events", ACCOUNT, REGION).put_events(Entries=[{
        "Source": "guardrails.doctor", "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}])
    eventually(lambda: len(refused(sandbox)) > before, 60)
    assert ingress(sandbox, locked) == []


@pytest.mark.parametrize("change", [{}, {"source": "aws.ec2"}], ids=["as it came", "with a source of AWS's"])
def test_invoke_opens_nothing(sandbox: Sandbox, locked: str, change: dict[str, Any]) -> None:
    invoke(sandbox, forged(locked, **change))
    assert ingress(sandbox, locked) == []


def test_a_real_revoke_by_the_groups_name_is_undone(sandbox: Sandbox) -> None:
    """The group is named by its name; the id stands in no part of what AWS answers."""
    ec2 = sandbox.client("ec2", ACCOUNT, REGION)
    group = security_group(sandbox, ACCOUNT, REGION, "by-name")
    ec2.create_tags(Resources=[group], Tags=[{"Key": "guardrails-ingress", "Value": "locked"}])
    record = json.loads((CASES / "revoke-by-groupname.json").read_text(encoding="utf-8"))
    record["requestParameters"]["groupName"] = "by-name"
    del record["responseElements"]["revokedSecurityGroupRuleSet"]
    invoke(sandbox, {
        "source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "account": ACCOUNT, "region": REGION,
        "detail": {**record, "recipientAccountId": ACCOUNT, "awsRegion": REGION}})
    # Nothing confirms it, so nothing is opened; but the policy has found the group and says why.
    log = sandbox.logs(f"custodian-{NAME}", ACCOUNT, REGION)
    assert f"revert-ingress {group}: " in log
    assert ingress(sandbox, group) == []
