"""Every config-rule policy from its archive: deployed by plain custodian, handed items as AWS Config spells them.

The sandbox has no recorder, so the items are written here; the evaluations are read back from the rule.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guardrails.sandbox import Sandbox
from tests.moto_server import ACCOUNT, REGION

from .harness import deploy, policies, policy_files

TIME = "2026-11-23T12:00:00.000Z"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    directory = tmp_path_factory.mktemp("config-rule")
    with Sandbox.start(directory=directory / "sandbox") as sandbox:
        def client(service: str) -> Any:
            return sandbox.client(service, ACCOUNT, REGION)

        client("iam").create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
        client("sns").create_topic(Name="guardrails-compliance")
        deploy(sandbox, directory, [path for path in policy_files() if path.parent.name == "config-rule"])
        yield client


def evaluate(client: Callable[[str], Any], policy: str, kind: str, item_id: str, configuration: Any) -> str:
    """Hand the rule's function an item; returns the verdict that it posted."""
    rule = f"custodian-{policy}"
    item = {
        "configurationItemCaptureTime": TIME, "configurationItemStatus": "OK" if configuration else "ResourceDeleted",
        "awsAccountId": ACCOUNT, "awsRegion": REGION, "resourceType": kind, "resourceId": item_id,
        "tags": {}, "relationships": [], "supplementaryConfiguration": {}, "configuration": configuration,
    }
    event = {
        "version": "1.0", "configRuleName": rule, "resultToken": rule, "eventLeftScope": False,
        "invokingEvent": json.dumps({
            "messageType": "ConfigurationItemChangeNotification", "notificationCreationTime": TIME,
            "configurationItem": item,
        }),
    }
    answer = client("lambda").invoke(FunctionName=rule, Payload=json.dumps(event))
    assert "FunctionError" not in answer, answer["Payload"].read()
    found = client("config").get_compliance_details_by_config_rule(
        ConfigRuleName=rule, ComplianceTypes=["COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE"])["EvaluationResults"]
    [verdict] = [
        result["ComplianceType"] for result in found
        if result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"] == item_id
    ]
    return str(verdict)


def group_item(group_id: str, name: str, *rules: tuple[int, str], **tags: str) -> dict[str, Any]:
    return {
        "groupId": group_id, "groupName": name, "ownerId": ACCOUNT, "vpcId": "vpc-1", "ipPermissionsEgress": [],
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
        "ipPermissions": [{
            "fromPort": port, "toPort": port, "ipProtocol": "tcp", "prefixListIds": [], "userIdGroupPairs": [],
            "ipRanges": [cidr], "ipv6Ranges": [], "ipv4Ranges": [{"cidrIp": cidr}],
        } for port, cidr in rules],
    }


def make_group(client: Callable[[str], Any], name: str, *rules: tuple[int, str]) -> str:
    ec2 = client("ec2")
    group_id = ec2.create_security_group(GroupName=name, Description=name)["GroupId"]
    for port, cidr in rules:
        ec2.authorize_security_group_ingress(
            GroupId=group_id, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp=cidr)
    return str(group_id)


def open_ports(client: Callable[[str], Any], group_id: str) -> set[tuple[int, str]]:
    [group] = client("ec2").describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    return {(rule["FromPort"], source["CidrIp"]) for rule in group["IpPermissions"] for source in rule["IpRanges"]}


GROUP = "AWS::EC2::SecurityGroup"


def test_admin_ports_are_closed_by_the_rules_function(client: Callable[[str], Any]) -> None:
    rules = ((22, "0.0.0.0/0"), (22, "10.0.0.0/8"), (443, "0.0.0.0/0"))
    bad = make_group(client, "bad", *rules)
    name = "security-group-admin-ports"
    assert evaluate(client, name, GROUP, bad, group_item(bad, "bad", *rules)) == "NON_COMPLIANT"
    assert open_ports(client, bad) == {(22, "10.0.0.0/8"), (443, "0.0.0.0/0")}
    assert evaluate(client, name, GROUP, bad, group_item(bad, "bad", *rules[1:])) == "COMPLIANT"
    assert evaluate(client, name, GROUP, bad, None) == "NOT_APPLICABLE"


def test_a_web_group_is_made_exact(client: Callable[[str], Any]) -> None:
    group = make_group(client, "web", (8080, "0.0.0.0/0"))
    opted_in = {"guardrails-ingress": "web"}
    item = group_item(group, "web", (8080, "0.0.0.0/0"), **opted_in)
    assert evaluate(client, "security-group-web-exact", GROUP, group, item) == "NON_COMPLIANT"
    assert open_ports(client, group) == {(80, "0.0.0.0/0"), (443, "0.0.0.0/0")}
    other = make_group(client, "other", (8080, "0.0.0.0/0"))
    item = group_item(other, "other", (8080, "0.0.0.0/0"))
    assert evaluate(client, "security-group-web-exact", GROUP, other, item) == "COMPLIANT"
    assert open_ports(client, other) == {(8080, "0.0.0.0/0")}


def test_a_default_group_is_reported(client: Callable[[str], Any]) -> None:
    name = "security-group-default-closed"
    assert evaluate(client, name, GROUP, "sg-d", group_item("sg-d", "default", (80, "10.0.0.0/8"))) == "NON_COMPLIANT"
    assert evaluate(client, name, GROUP, "sg-e", group_item("sg-e", "default")) == "COMPLIANT"


def test_a_bucket_is_encrypted(client: Callable[[str], Any]) -> None:
    client("s3").create_bucket(Bucket="plain")
    item = {"name": "plain", "creationDate": TIME, "owner": {"displayName": None, "id": "x"}}
    verdicts = [evaluate(client, "s3-bucket-encryption", "AWS::S3::Bucket", "plain", item) for _ in range(2)]
    assert verdicts == ["NON_COMPLIANT", "COMPLIANT"]


def test_a_volume_is_reported(client: Callable[[str], Any]) -> None:
    for encrypted, verdict in ((False, "NON_COMPLIANT"), (True, "COMPLIANT")):
        item = {"volumeId": f"vol-{encrypted}", "encrypted": encrypted, "size": 1, "state": "in-use", "attachments": []}
        assert evaluate(client, "ebs-volume-encrypted", "AWS::EC2::Volume", item["volumeId"], item) == verdict


def test_every_config_rule_policy_is_exercised_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    names = [name for name, (mode, _) in policies().items() if mode == "config-rule"]
    assert [name for name in names if f'"{name}"' not in text] == []
