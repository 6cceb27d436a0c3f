"""What the sandbox adds to moto's snapshots."""
from __future__ import annotations

from tests.moto_server import Moto


def test_both_ways_to_share_a_snapshot(moto: Moto) -> None:
    ec2 = moto.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    snapshot = {"SnapshotId": ec2.create_snapshot(VolumeId=volume)["SnapshotId"], "Attribute": "createVolumePermission"}

    def shared() -> list[dict[str, str]]:
        return list(ec2.describe_snapshot_attribute(**snapshot)["CreateVolumePermissions"])

    ec2.modify_snapshot_attribute(
        **snapshot, CreateVolumePermission={"Add": [{"Group": "all"}, {"UserId": "111122223333"}]})
    assert shared() == [{"Group": "all"}, {"UserId": "111122223333"}]
    ec2.modify_snapshot_attribute(**snapshot, CreateVolumePermission={"Remove": [{"Group": "all"}]})
    assert shared() == [{"UserId": "111122223333"}]
    ec2.modify_snapshot_attribute(**snapshot, OperationType="remove", UserIds=["111122223333"])
    assert shared() == []
