"""Systems Manager's managed instances and compliance, which moto lacks."""
from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import Moto

SCANNED = {"ExecutionTime": "2026-01-01T00:00:00Z", "ExecutionType": "Command", "ExecutionId": "scan-1"}


def item(identifier: str, status: str, severity: str) -> dict[str, str]:
    return {"Id": identifier, "Title": identifier, "Status": status, "Severity": severity}


@pytest.fixture
def instances(moto: Moto) -> list[str]:
    """Twelve instances with a profile whose role lets the agent report."""
    iam = moto.client("iam")
    iam.create_role(RoleName="managed", AssumeRolePolicyDocument="{}")
    document = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["ssm:*"], "Resource": "*"}}
    policy = iam.create_policy(PolicyName="agent", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="managed", PolicyArn=policy)
    iam.create_instance_profile(InstanceProfileName="managed")
    iam.add_role_to_instance_profile(InstanceProfileName="managed", RoleName="managed")
    return run(moto, 12, IamInstanceProfile={"Name": "managed"})


def run(moto: Moto, count: int, **settings: Any) -> list[str]:
    ec2 = moto.client("ec2")
    image = ec2.describe_images(Filters=[{"Name": "owner-id", "Values": ["801119661308"]}])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, MinCount=count, MaxCount=count, **settings)
    return [instance["InstanceId"] for instance in made["Instances"]]


def put(moto: Moto, instance: str, *items: dict[str, str], kind: str = "Patch", **settings: Any) -> None:
    moto.client("ssm").put_compliance_items(
        ResourceId=instance, ResourceType="ManagedInstance", ComplianceType=kind, ExecutionSummary=SCANNED,
        Items=list(items), **settings,
    )


def summaries(moto: Moto, **filters: str) -> list[dict[str, Any]]:
    pages = moto.client("ssm").get_paginator("list_resource_compliance_summaries").paginate(
        Filters=[{"Key": key, "Values": [value], "Type": "EQUAL"} for key, value in filters.items()])
    return [summary for page in pages for summary in page["ResourceComplianceSummaryItems"]]


def code_of(call: Any, *args: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(*args, **parameters)
    return str(error.value.response["Error"]["Code"])


def test_an_instance_is_managed_while_its_agent_may_report(moto: Moto, instances: list[str]) -> None:
    plain, stopped, terminated = run(moto, 1)[0], instances[0], instances[1]
    moto.client("ec2").stop_instances(InstanceIds=[stopped])
    moto.client("ec2").terminate_instances(InstanceIds=[terminated])
    ssm = moto.client("ssm")
    asked = {"Filters": [{"Key": "InstanceIds", "Values": [plain, *instances]}]}
    assert len(ssm.describe_instance_information(**asked)["InstanceInformationList"]) == 10
    managed = {
        each["InstanceId"]: each["PingStatus"]
        for page in ssm.get_paginator("describe_instance_information").paginate(**asked)
        for each in page["InstanceInformationList"]
    }
    assert managed == dict.fromkeys(instances[2:], "Online") | {stopped: "ConnectionLost"}
    moto.client("iam").detach_role_policy(
        RoleName="managed", PolicyArn="arn:aws:iam::123456789012:policy/agent")
    assert ssm.describe_instance_information()["InstanceInformationList"] == []


def test_items_are_kept_and_counted(moto: Moto, instances: list[str]) -> None:
    bad, good, other = instances[:3]
    put(moto, bad, item("a", "COMPLIANT", "CRITICAL"), item("b", "NON_COMPLIANT", "HIGH"),
        item("c", "NON_COMPLIANT", "LOW"))
    put(moto, good, item("a", "COMPLIANT", "CRITICAL"))
    put(moto, other, item("x", "NON_COMPLIANT", "LOW"), kind="Custom:Agents")

    [summary] = summaries(moto, ComplianceType="Patch", Status="NON_COMPLIANT")
    assert (summary["ResourceId"], summary["ResourceType"]) == (bad, "ManagedInstance")
    assert summary["OverallSeverity"] == "HIGH"
    assert summary["CompliantSummary"]["CompliantCount"] == 1
    assert summary["NonCompliantSummary"]["NonCompliantCount"] == 2
    assert summary["NonCompliantSummary"]["SeveritySummary"]["LowCount"] == 1
    assert summary["ExecutionSummary"]["ExecutionId"] == "scan-1"
    assert [each["ResourceId"] for each in summaries(moto, Status="COMPLIANT")] == [good]
    assert len(summaries(moto)) == 3

    items = moto.client("ssm").list_compliance_items(
        ResourceIds=[bad], Filters=[{"Key": "Severity", "Values": ["L"], "Type": "BEGIN_WITH"}])["ComplianceItems"]
    assert [each["Id"] for each in items] == ["c"]


def test_a_new_report_replaces_and_the_same_one_is_ignored(moto: Moto, instances: list[str]) -> None:
    instance = instances[0]
    put(moto, instance, item("a", "NON_COMPLIANT", "HIGH"), item("b", "COMPLIANT", "LOW"), ItemContentHash="one")
    put(moto, instance, item("c", "COMPLIANT", "LOW"), ItemContentHash="one")
    assert [each["Status"] for each in summaries(moto)] == ["NON_COMPLIANT"]
    put(moto, instance, item("c", "COMPLIANT", "LOW"), ItemContentHash="two")
    put(moto, instance, item("d", "COMPLIANT", "LOW"))
    ids = [each["Id"] for each in moto.client("ssm").list_compliance_items()["ComplianceItems"]]
    assert ids == ["d"]


def test_pages_follow_each_other(moto: Moto, instances: list[str]) -> None:
    for instance in instances:
        put(moto, instance, item("a", "COMPLIANT", "LOW"))
    ssm = moto.client("ssm")
    page = ssm.list_resource_compliance_summaries(MaxResults=7)
    rest = ssm.list_resource_compliance_summaries(MaxResults=7, NextToken=page["NextToken"])
    assert "NextToken" not in rest
    found = page["ResourceComplianceSummaryItems"] + rest["ResourceComplianceSummaryItems"]
    assert [each["ResourceId"] for each in found] == instances


def test_what_aws_refuses_is_refused(moto: Moto, instances: list[str]) -> None:
    ssm = moto.client("ssm")
    report = {"ComplianceType": "Patch", "ExecutionSummary": SCANNED, "Items": []}
    assert code_of(
        ssm.put_compliance_items, ResourceId=run(moto, 1)[0], ResourceType="ManagedInstance", **report
    ) == "InvalidResourceId"
    assert code_of(
        ssm.put_compliance_items, ResourceId=instances[0], ResourceType="Bucket", **report
    ) == "InvalidResourceType"
    assert code_of(
        put, moto, instances[0], item("a", "COMPLIANT", "LOW"), UploadType="PARTIAL"
    ) == "InvalidItemContentException"
    assert code_of(summaries, moto, Colour="blue") == "InvalidFilter"
    assert code_of(
        ssm.describe_instance_information, Filters=[{"Key": "Colour", "Values": ["blue"]}]
    ) == "InvalidInstanceInformationFilterValue"


def test_a_reset_forgets(moto: Moto, instances: list[str]) -> None:
    put(moto, instances[0], item("a", "COMPLIANT", "LOW"))
    moto.reset()
    assert summaries(moto) == []
