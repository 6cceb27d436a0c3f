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


def test_the_block_of_public_sharing_is_kept_by_region(moto: Moto) -> None:
    ec2 = moto.client("ec2")

    def state() -> str:
        return str(ec2.get_snapshot_block_public_access_state()["State"])

    assert state() == "unblocked"
    for blocked in ("block-new-sharing", "block-all-sharing"):
        assert ec2.enable_snapshot_block_public_access(State=blocked)["State"] == blocked
        assert state() == blocked
    assert ec2.disable_snapshot_block_public_access()["State"] == "unblocked"
    assert state() == "unblocked"
