"""What was added to moto's CloudFormation, Network Firewall, FSx and EFS: settings of what exists can be changed."""
from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import Moto


def test_termination_protection_of_a_stack(moto: Moto) -> None:
    client = moto.client("cloudformation")
    client.create_stack(StackName="one", TemplateBody='{"Resources": {"queue": {"Type": "AWS::SQS::Queue"}}}')
    for state in (True, False):
        client.update_termination_protection(StackName="one", EnableTerminationProtection=state)
        assert client.describe_stacks(StackName="one")["Stacks"][0]["EnableTerminationProtection"] is state
    with pytest.raises(ClientError, match="does not exist"):
        client.update_termination_protection(StackName="none", EnableTerminationProtection=True)


def test_protections_of_a_firewall(moto: Moto) -> None:
    client = moto.client("network-firewall")
    client.create_firewall(
        FirewallName="one", FirewallPolicyArn="arn:aws:network-firewall:us-east-1:123456789012:firewall-policy/p",
        DeleteProtection=False, SubnetChangeProtection=False)
    client.update_firewall_delete_protection(FirewallName="one", DeleteProtection=True)
    found = client.describe_firewall(FirewallName="one")["Firewall"]
    assert (found["DeleteProtection"], found["SubnetChangeProtection"]) == (True, False)
    client.update_subnet_change_protection(FirewallArn=found["FirewallArn"], SubnetChangeProtection=True)
    assert client.describe_firewall(FirewallName="one")["Firewall"]["SubnetChangeProtection"] is True


def test_settings_of_a_file_system_of_open_zfs(moto: Moto) -> None:
    client = moto.client("fsx")
    name = client.create_file_system(
        FileSystemType="OPENZFS", SubnetIds=["subnet-0123456789"],
        OpenZFSConfiguration={"DeploymentType": "SINGLE_AZ_1", "ThroughputCapacity": 64},
    )["FileSystem"]["FileSystemId"]
    client.update_file_system(FileSystemId=name, OpenZFSConfiguration={"CopyTagsToBackups": True})
    [found] = client.describe_file_systems(FileSystemIds=[name])["FileSystems"]
    assert found["OpenZFSConfiguration"] == {
        "DeploymentType": "SINGLE_AZ_1", "ThroughputCapacity": 64, "CopyTagsToBackups": True}
    with pytest.raises(ClientError, match="FileSystemNotFound"):
        client.update_file_system(FileSystemId="fs-12345678901", OpenZFSConfiguration={"CopyTagsToBackups": True})


def test_backups_of_a_file_system(moto: Moto) -> None:
    client = moto.client("efs")
    name = client.create_file_system(CreationToken="one", Backup=False)["FileSystemId"]
    client.put_backup_policy(FileSystemId=name, BackupPolicy={"Status": "ENABLED"})
    assert client.describe_backup_policy(FileSystemId=name)["BackupPolicy"]["Status"] == "ENABLED"
    client.put_backup_policy(FileSystemId=name, BackupPolicy={"Status": "DISABLED"})
    with pytest.raises(ClientError, match="PolicyNotFound"):
        client.describe_backup_policy(FileSystemId=name)
    with pytest.raises(ClientError, match="FileSystemNotFound"):
        client.put_backup_policy(FileSystemId="fs-12345678901", BackupPolicy={"Status": "ENABLED"})
