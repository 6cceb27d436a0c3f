"""`exposed-ports` and `tag-values` through c7n, against moto; and what no case of a policy can make."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError
from moto.ec2.models import ec2_backends

from custom_actions.resources import ResourcesUnknown
from guardrails.sandbox.backdate import backdate
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto
from tests.policies.harness import policies


def policy(**element: Any) -> dict[str, Any]:
    return {"name": "p", "resource": "aws.ec2", "filters": [element]}


def instance(moto: Moto, **settings: Any) -> str:
    ec2 = moto.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    return str(ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, **settings)["Instances"][0]["InstanceId"])


def open_group(moto: Moto, name: str, port: int = 22) -> str:
    ec2 = moto.client("ec2")
    group = ec2.create_security_group(GroupName=name, Description="x")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    return str(group)


def test_the_rule_is_kept_on_the_instance(moto: Moto, tmp_path: Path) -> None:
    group = open_group(moto, "ssh")
    instance(moto, SecurityGroupIds=[group])
    [found] = engine.pull(policy(type="exposed-ports", ports=[22]), tmp_path, dryrun=True)
    assert found["c7n:ExposedPorts"] == [f"{group}: tcp 22 from 0.0.0.0/0"]


def list_group(moto: Moto, name: str, *cidrs: str) -> tuple[str, str]:
    """A group with port 22 open to a prefix list: their ids."""
    ec2 = moto.client("ec2")
    listed = ec2.create_managed_prefix_list(
        PrefixListName=name, AddressFamily="IPv4", MaxEntries=5, Entries=[{"Cidr": cidr} for cidr in cidrs])
    prefix_list = listed["PrefixList"]["PrefixListId"]
    group = ec2.create_security_group(GroupName=name, Description="x")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": prefix_list}]}])
    return str(group), str(prefix_list)


def test_a_prefix_list_counts_by_its_contents(moto: Moto, tmp_path: Path) -> None:
    halves, prefix_list = list_group(moto, "halves", "0.0.0.0/1", "128.0.0.0/1")
    offices, _ = list_group(moto, "offices", "10.0.0.0/8", "198.51.100.0/24")
    exposed = instance(moto, SecurityGroupIds=[halves])
    instance(moto, SecurityGroupIds=[offices])
    [found] = engine.pull(policy(type="exposed-ports", ports=[22]), tmp_path, dryrun=True)
    assert found["InstanceId"] == exposed
    assert found["c7n:ExposedPorts"] == [f"{halves}: tcp 22 from {prefix_list}"]


def test_a_prefix_list_that_is_not_shown_is_unknown(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, prefix_list = list_group(moto, "offices", "10.0.0.0/8")
    instance(moto, SecurityGroupIds=[group])
    answering(monkeypatch, GetManagedPrefixListEntries=ClientError(
        {"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "GetManagedPrefixListEntries"))
    [found] = engine.pull(policy(type="exposed-ports", ports=[22]), tmp_path, dryrun=True)
    assert found["c7n:ExposedPorts"] == [
        f"unknown: tcp 22 from {prefix_list} may be open to the world: the contents of {prefix_list} are unknown"]


def test_without_ports_the_admin_ports_are_watched(moto: Moto, tmp_path: Path) -> None:
    exposed = instance(moto, SecurityGroupIds=[open_group(moto, "ssh")])
    instance(moto, SecurityGroupIds=[open_group(moto, "web", 443)])
    [found] = engine.pull(policy(type="exposed-ports"), tmp_path, dryrun=True)
    assert found["InstanceId"] == exposed


def test_the_reasons_are_kept_on_the_instance(moto: Moto, tmp_path: Path) -> None:
    instance(moto)
    [found] = engine.pull(policy(type="tag-values", tags={"Owner": ["*"]}), tmp_path, dryrun=True)
    assert found["c7n:TagValues"] == ["Owner is missing"]


def test_groups_are_read_in_few_calls(moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = answering(monkeypatch)
    for name in ("a", "b", "c"):
        instance(moto, SecurityGroupIds=[open_group(moto, name)])
    calls.clear()
    assert len(engine.pull(policy(type="exposed-ports", ports=[22]), tmp_path, dryrun=True)) == 3
    assert calls.count("DescribeSecurityGroups") == 1


def test_a_group_that_is_not_shown_is_not_taken_for_closed(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = open_group(moto, "ssh")
    instance(moto, SecurityGroupIds=[group])
    answering(monkeypatch, DescribeSecurityGroups={"SecurityGroups": []})
    with pytest.raises(ResourcesUnknown, match=f"does not show the security groups {group}"):
        engine.pull(policy(type="exposed-ports", ports=[22]), tmp_path, dryrun=True)


def test_a_refused_call_is_not_taken_for_closed(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance(moto)
    answering(monkeypatch, DescribeSecurityGroups=ClientError(
        {"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "DescribeSecurityGroups"))
    with pytest.raises(ResourcesUnknown, match="UnauthorizedOperation"):
        engine.pull(policy(type="exposed-ports", ports=[22]), tmp_path, dryrun=True)


def test_an_error_that_says_nothing_about_a_prefix_list_ends_the_policy(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, _ = list_group(moto, "offices", "10.0.0.0/8")
    instance(moto, SecurityGroupIds=[group])
    answering(monkeypatch, GetManagedPrefixListEntries=ClientError(
        {"Error": {"Code": "InternalFailure", "Message": "no"}}, "GetManagedPrefixListEntries"))
    with pytest.raises(ResourcesUnknown, match="InternalFailure"):
        engine.pull(policy(type="exposed-ports", ports=[22]), tmp_path, dryrun=True)


@pytest.mark.parametrize(("element", "problem"), [
    ({"type": "exposed-ports", "ports": ["ssh"]}, "is not a port"),
    ({"type": "exposed-ports", "ports": "22"}, "ports must be a list"),
    ({"type": "exposed-ports", "ports": [22], "world-share": "all"}, "not a share"),
    ({"type": "tag-values", "tags": "Owner"}, "tags must map"),
    ({"type": "tag-values", "tags": {"Owner": "me"}}, "tags must map"),
    ({"type": "tag-values", "tags": {"Owner": []}}, "tags must map"),
    ({"type": "tag-values", "tags": {"Owner": [1]}}, "tags must map"),
])
def test_what_cannot_be_read_is_refused(
    element: dict[str, Any], problem: str, moto: Moto, tmp_path: Path
) -> None:
    with pytest.raises(PolicyValidationError, match=problem):
        engine.load(policy(**element), tmp_path)


@pytest.mark.parametrize("element", [
    {"type": "exposed-ports", "ports": "{some_ports}"}, {"type": "tag-values", "tags": "{some_tags}"},
])
def test_a_parameter_that_is_not_filled_in_yet_is_fine(element: dict[str, Any], moto: Moto, tmp_path: Path) -> None:
    engine.load(policy(**element), tmp_path)


def test_a_snapshot_that_is_not_complete_does_not_count(moto: Moto, tmp_path: Path) -> None:
    """Every snapshot of moto is complete at once; on AWS one takes its time, and may fail."""
    ec2 = moto.client("ec2")
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    backdate(f"ec2.volumes.{volume}.create_time", 2, account=ACCOUNT, region=REGION)
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    _, wanted = policies()["ebs-volume-snapshot"]
    assert engine.pull(wanted, tmp_path, dryrun=True) == []
    ec2_backends[ACCOUNT][REGION].snapshots[snapshot].status = "pending"
    [found] = engine.pull(wanted, tmp_path, dryrun=True)
    assert found["VolumeId"] == volume


def answering(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> list[str]:
    """Let `answers` stand in for AWS, by operation; returns the list of the calls that are made."""
    calls: list[str] = []
    original = boto3.client("ec2", region_name=REGION)._make_api_call.__func__

    def make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        calls.append(operation)
        answer = answers.get(operation)
        if isinstance(answer, Exception):
            raise answer
        return answer or original(client, operation, parameters)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", make_api_call)
    return calls
