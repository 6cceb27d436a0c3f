"""What is recorded and when, and how items are asked for."""
from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guardrails.sandbox import Sandbox
from guardrails.sandbox.config.changes import Change, changes_of

from .conftest import open_port, security_group, start_recorder
from .test_config_rules import put_rule, refused, verdicts

GROUP, BUCKET, USER = "AWS::EC2::SecurityGroup", "AWS::S3::Bucket", "AWS::IAM::User"


@pytest.fixture
def config(sandbox: Sandbox, account: str) -> Any:
    return sandbox.client("config", account)


def discovered(config: Any, kind: str, **more: Any) -> list[str]:
    """The ids of the recorded resources of a type."""
    found = config.list_discovered_resources(resourceType=kind, **more)["resourceIdentifiers"]
    return [resource["resourceId"] for resource in found]


def items(config: Any, resource: str, kind: str = GROUP, **more: Any) -> list[dict[str, Any]]:
    return config.get_resource_config_history(resourceType=kind, resourceId=resource, **more)["configurationItems"]


def test_nothing_is_recorded_without_a_recorder_or_after_it_has_stopped(
    sandbox: Sandbox, account: str, config: Any
) -> None:
    group = security_group(sandbox, account)
    sandbox.settle()
    assert discovered(config, GROUP) == []
    start_recorder(sandbox, account)
    sandbox.settle()
    assert group in discovered(config, GROUP)
    assert len(discovered(config, "AWS::EC2::Subnet")) > 1  # what an account has from its beginning
    config.stop_configuration_recorder(ConfigurationRecorderName="default")
    open_port(sandbox, account, group, 22)
    sandbox.settle()
    assert len(items(config, group)) == 1
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    sandbox.settle()
    assert len(items(config, group)) == 2


def test_a_terminated_instance_is_gone(sandbox: Sandbox, account: str, config: Any) -> None:
    start_recorder(sandbox, account)
    ec2 = sandbox.client("ec2", account)
    [image, *_] = ec2.describe_images(Filters=[{"Name": "owner-id", "Values": ["801119661308"]}])["Images"]
    [made] = ec2.run_instances(ImageId=image["ImageId"], MinCount=1, MaxCount=1)["Instances"]
    sandbox.settle()
    assert discovered(config, "AWS::EC2::Instance") == [made["InstanceId"]]
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    sandbox.settle()
    assert discovered(config, "AWS::EC2::Instance") == []
    [gone, _] = items(config, made["InstanceId"], "AWS::EC2::Instance")
    assert gone["configurationItemStatus"] == "ResourceDeleted"


def test_a_recording_group_is_kept_to(sandbox: Sandbox, account: str, other_account: str) -> None:
    start_recorder(sandbox, account, resourceTypes=[BUCKET])
    start_recorder(sandbox, other_account, exclusionByResourceTypes={"resourceTypes": [BUCKET]}, recordingStrategy={
        "useOnly": "EXCLUSION_BY_RESOURCE_TYPES"})
    for owner in (account, other_account):
        sandbox.client("s3", owner).create_bucket(Bucket=f"only-{owner}")
        security_group(sandbox, owner)
    sandbox.settle()
    assert discovered(sandbox.client("config", account), BUCKET) == [f"only-{account}"]
    assert discovered(sandbox.client("config", account), GROUP) == []
    assert discovered(sandbox.client("config", other_account), BUCKET) == []
    assert discovered(sandbox.client("config", other_account), GROUP) != []


def test_users_are_recorded_where_global_types_are(sandbox: Sandbox, account: str, config: Any) -> None:
    start_recorder(sandbox, account)
    start_recorder(sandbox, account, "eu-west-1", allSupported=True)
    user = sandbox.client("iam", account).create_user(UserName="ann")["User"]
    sandbox.settle()
    assert discovered(config, USER) == [user["UserId"]]
    assert discovered(sandbox.client("config", account, "eu-west-1"), USER) == []


def test_a_bucket_is_recorded_in_its_own_region(sandbox: Sandbox, account: str, config: Any) -> None:
    start_recorder(sandbox, account)
    start_recorder(sandbox, account, "eu-west-1")
    s3 = sandbox.client("s3", account)
    s3.create_bucket(Bucket=f"eu-{account}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    sandbox.settle()
    europe = sandbox.client("config", account, "eu-west-1")
    assert (discovered(config, BUCKET), discovered(europe, BUCKET)) == ([], [f"eu-{account}"])
    s3.put_bucket_versioning(Bucket=f"eu-{account}", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=f"eu-{account}", Key="k", Body=b"x")
    s3.delete_object(Bucket=f"eu-{account}", Key="k")
    sandbox.settle()
    assert len(items(europe, f"eu-{account}", BUCKET)) == 2
    assert json.loads(items(europe, f"eu-{account}", BUCKET)[0]["supplementaryConfiguration"][
        "BucketVersioningConfiguration"])["status"] == "Enabled"
    for version in s3.list_object_versions(Bucket=f"eu-{account}").get("Versions", ()):
        s3.delete_object(Bucket=f"eu-{account}", Key="k", VersionId=version["VersionId"])
    for marker in s3.list_object_versions(Bucket=f"eu-{account}").get("DeleteMarkers", ()):
        s3.delete_object(Bucket=f"eu-{account}", Key="k", VersionId=marker["VersionId"])
    s3.delete_bucket(Bucket=f"eu-{account}")
    sandbox.settle()
    assert discovered(europe, BUCKET) == []
    assert discovered(europe, BUCKET, includeDeletedResources=True) == [f"eu-{account}"]


def test_a_second_look_makes_no_items(sandbox: Sandbox, account: str, config: Any) -> None:
    ec2, iam = sandbox.client("ec2", account), sandbox.client("iam", account)
    start_recorder(sandbox, account)
    [image, *_] = ec2.describe_images(Filters=[{"Name": "owner-id", "Values": ["801119661308"]}])["Images"]
    ec2.run_instances(ImageId=image["ImageId"], MinCount=1, MaxCount=1)
    user = iam.create_user(UserName="ann")["User"]["UserId"]
    sandbox.client("rds", account).create_db_instance(
        DBInstanceIdentifier="db", DBInstanceClass="db.t3.micro", Engine="mysql", AllocatedStorage=5,
        MasterUsername="root", MasterUserPassword="only-a-test")
    sandbox.settle()
    [instance], [database] = discovered(config, "AWS::EC2::Instance"), discovered(config, "AWS::RDS::DBInstance")
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    iam.create_group(GroupName="g")
    sandbox.client("rds", account).create_db_subnet_group(
        DBSubnetGroupName="s", DBSubnetGroupDescription="s", SubnetIds=discovered(config, "AWS::EC2::Subnet")[:2])
    sandbox.settle()
    for kind, resource in (
        ("AWS::EC2::Instance", instance), (USER, user), ("AWS::RDS::DBInstance", database),
    ):
        assert len(items(config, resource, kind)) == 1, kind


def test_a_history_is_asked_for_by_time_and_page(sandbox: Sandbox, account: str, config: Any) -> None:
    start_recorder(sandbox, account)
    group = security_group(sandbox, account)
    for port in (22, 23, 24):
        sandbox.settle()
        open_port(sandbox, account, group, port)
    sandbox.settle()
    found = items(config, group)
    times = [item["configurationItemCaptureTime"] for item in found]
    assert len(times) == 4
    assert times == sorted(times, reverse=True)
    assert items(config, group, chronologicalOrder="Forward") == found[::-1]
    assert items(config, group, limit=1) == found[:1]
    pages = config.get_paginator("get_resource_config_history").paginate(
        resourceType=GROUP, resourceId=group, PaginationConfig={"PageSize": 3})
    assert [len(page["configurationItems"]) for page in pages] == [3, 1]
    moment = timedelta(milliseconds=1)
    assert items(config, group, laterTime=times[1]) == found[1:]
    assert items(config, group, laterTime=times[1] - moment) == found[2:]
    assert items(config, group, earlierTime=times[1]) == found[:2]
    assert items(config, group, earlierTime=times[2], laterTime=times[1]) == found[1:3]
    assert items(config, group, laterTime=times[-1] - moment) == []
    span = {"earlierTime": times[0], "laterTime": times[0] - moment}
    assert refused(items, config=config, resource=group, **span) == "InvalidTimeRangeException"
    assert refused(items, config=config, resource="sg-none") == "ResourceNotDiscoveredException"


def test_resources_are_listed_fetched_and_queried(sandbox: Sandbox, account: str, config: Any) -> None:
    start_recorder(sandbox, account)
    one, two = security_group(sandbox, account, name="one"), security_group(sandbox, account, name="two")
    sandbox.settle()
    assert discovered(config, GROUP, resourceName="one") == [one]
    assert discovered(config, GROUP, resourceIds=[two]) == [two]
    keys = [{"resourceType": GROUP, "resourceId": group} for group in (one, "sg-none")]
    batch = config.batch_get_resource_config(resourceKeys=keys)
    [base] = batch["baseConfigurationItems"]
    assert (base["resourceId"], json.loads(base["configuration"])["groupName"]) == (one, "one")
    assert batch["unprocessedResourceKeys"] == keys[1:]

    query = f"select resourceId, configuration, supplementaryConfiguration where resourceType = '{GROUP}'"
    rows = [json.loads(row) for row in config.select_resource_config(Expression=query, Limit=100)["Results"]]
    assert {row["resourceId"]: row["configuration"]["groupName"] for row in rows}[two] == "two"
    assert set(rows[0]) == {"resourceId", "configuration", "supplementaryConfiguration"}
    with pytest.raises(config.exceptions.InvalidExpressionException, match="resourceId = 'x'"):
        config.select_resource_config(Expression=f"{query}AND resourceId = 'x'")


def test_a_reset_forgets_everything(tmp_path: Path) -> None:
    account = "111111111111"
    with Sandbox.start(directory=tmp_path) as sandbox:
        config = sandbox.client("config", account)
        start_recorder(sandbox, account)
        put_rule(sandbox, account)
        group = security_group(sandbox, account)
        sandbox.settle()
        assert verdicts(config)[group] == "COMPLIANT"
        open_port(sandbox, account, group, 22)
        sandbox.reset()
        assert discovered(config, GROUP) == []
        security_group(sandbox, account)
        sandbox.settle()
        assert discovered(config, GROUP) == []
        start_recorder(sandbox, account)
        put_rule(sandbox, account)
        sandbox.settle()
        assert group not in discovered(config, GROUP)
        assert set(verdicts(config).values()) == {"COMPLIANT"}


@pytest.mark.parametrize(("service", "request_", "changes"), [
    ("ec2", {"body": b"Action=CreateVpc&Version=1"}, [Change("ec2")]),
    ("ec2", {"body": b"Action=DescribeVpcs&Version=1"}, []),
    ("iam", {"query": "Action=CreateUser", "body": b""}, [Change("iam")]),
    ("dynamodb", {"target": "DynamoDB_20120810.UpdateTable"}, [Change("dynamodb")]),
    ("dynamodb", {"target": "DynamoDB_20120810.PutItem"}, []),
    ("kms", {"target": "TrentService.ListKeys"}, []),
    ("s3", {"method": "PUT", "path": "/bucket", "query": "acl"}, [Change("s3", "bucket")]),
    ("s3", {"method": "PUT", "path": "/bucket/key"}, []),
    ("s3", {"method": "GET", "path": "/bucket"}, []),
    ("elasticfilesystem", {"method": "DELETE", "path": "/x"}, [Change("elasticfilesystem")]),
    ("guardduty", {"method": "POST", "path": "/detector"}, []),
])
def test_requests_that_change_something_are_told_apart(
    service: str, request_: dict[str, Any], changes: list[Change]
) -> None:
    target = {"X-Amz-Target": request_["target"]} if "target" in request_ else {}
    assert changes_of(
        service, request_.get("method", "POST"), request_.get("path", "/"), request_.get("query", ""), target,
        request_.get("body", b""),
    ) == changes


def test_a_call_of_the_tagging_service_may_change_anything() -> None:
    target = {"X-Amz-Target": "ResourceGroupsTaggingAPI_20170126.TagResources"}
    assert {change.service for change in changes_of("tagging", "POST", "/", "", target, b"{}")} > {"ec2", "s3", "iam"}
