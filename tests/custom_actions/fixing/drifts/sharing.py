"""Snapshots, images and databases that others can use."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..cloud import Cloud
from ..faults import Drift, State
from .scenarios import drifts, pulled

FRIEND, STRANGER = "111122223333", "444455556666"
OUTSIDE = {"type": "shared-outside", "allowed-accounts": [FRIEND]}


def _shared(kind: str, names: Sequence[str], read: Callable[[str], Sequence[str]]) -> Drift:
    def wrong(parties: Any) -> set[str]:
        return {f"shared with {party}" for party in parties if party != FRIEND} | (
            set() if FRIEND in parties else {"not shared with a friend"})

    return Drift(pulled(kind, "revert-sharing", OUTSIDE), names,
                 # moto keeps a value that is added twice twice.
                 lambda: {name: sorted(set(read(name))) for name in names}, wrong)


@drifts("ebs-snapshot", "revert-sharing")
def snapshots(cloud: Cloud) -> Drift:
    ec2, names = cloud.client("ec2"), []
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    for _ in range(2):
        name = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        ec2.modify_snapshot_attribute(SnapshotId=name, Attribute="createVolumePermission", CreateVolumePermission={
            "Add": [{"Group": "all"}, {"UserId": FRIEND}, {"UserId": STRANGER}]})
        names.append(name)

    def read(name: str) -> list[str]:
        found = ec2.describe_snapshot_attribute(SnapshotId=name, Attribute="createVolumePermission")
        return [value for each in found["CreateVolumePermissions"] for value in each.values()]

    return _shared("ebs-snapshot", names, read)


@drifts("ami", "revert-sharing")
def images(cloud: Cloud) -> Drift:
    ec2, names = cloud.client("ec2"), []
    instance = ec2.run_instances(
        ImageId=ec2.describe_images()["Images"][0]["ImageId"], MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    for name in ("one", "two"):
        image = ec2.create_image(InstanceId=instance, Name=name)["ImageId"]
        ec2.modify_image_attribute(ImageId=image, Attribute="launchPermission", LaunchPermission={
            "Add": [{"Group": "all"}, {"UserId": FRIEND}, {"UserId": STRANGER}]})
        names.append(image)

    def read(name: str) -> list[str]:
        found = ec2.describe_image_attribute(ImageId=name, Attribute="launchPermission")
        return [value for each in found["LaunchPermissions"] for value in each.values()]

    return _shared("ami", names, read)


def _restorable(attributes: Sequence[Mapping[str, Any]]) -> list[str]:
    return [value for each in attributes if each["AttributeName"] == "restore" for value in each["AttributeValues"]]


@drifts("rds-snapshot", "revert-sharing")
def database_snapshots(cloud: Cloud) -> Drift:
    rds, names = cloud.client("rds"), ["one", "two"]
    rds.create_db_instance(DBInstanceIdentifier="db", DBInstanceClass="db.t3.micro", Engine="postgres",
                           AllocatedStorage=20, MasterUsername="u", MasterUserPassword="password")
    for name in names:
        rds.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier="db")
        rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=["all", FRIEND, STRANGER])

    def read(name: str) -> list[str]:
        return _restorable(rds.describe_db_snapshot_attributes(
            DBSnapshotIdentifier=name)["DBSnapshotAttributesResult"]["DBSnapshotAttributes"])

    return _shared("rds-snapshot", names, read)


@drifts("rds-cluster-snapshot", "revert-sharing")
def cluster_snapshots(cloud: Cloud) -> Drift:
    rds, names = cloud.client("rds"), ["one", "two"]
    rds.create_db_cluster(DBClusterIdentifier="c", Engine="aurora-postgresql", MasterUsername="u",
                          MasterUserPassword="password")
    for name in names:
        rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=name, DBClusterIdentifier="c")
        rds.modify_db_cluster_snapshot_attribute(
            DBClusterSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=["all", FRIEND, STRANGER])

    def read(name: str) -> list[str]:
        return _restorable(rds.describe_db_cluster_snapshot_attributes(
            DBClusterSnapshotIdentifier=name)["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"])

    return _shared("rds-cluster-snapshot", names, read)


@drifts("rds", "revert-public-access")
def databases(cloud: Cloud) -> Drift:
    rds, names = cloud.client("rds"), ["one", "two"]
    for name in names:
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
            MasterUsername="u", MasterUserPassword="password", PubliclyAccessible=True)

    def state() -> State:
        return {name: rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["PubliclyAccessible"]
                for name in names}

    return Drift(pulled("rds", "revert-public-access"), names, state, lambda public: {"public"} if public else set())
