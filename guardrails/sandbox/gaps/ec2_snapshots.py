"""EBS snapshots: both ways to share one."""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the changes, once in the server's process."""
    original = ElasticBlockStore.modify_snapshot_attribute

    @replaces(ElasticBlockStore, "modify_snapshot_attribute")
    def modify_snapshot_attribute(call: Any) -> ActionResult:
        """A CreateVolumePermission, of which one request has parties to add, or to remove: moto changes nothing."""
        permission = call._get_param("CreateVolumePermission", {})
        if not permission:
            return original(call)
        call.error_on_dryrun()
        snapshot = call._get_param("SnapshotId")
        for verb, change in (
            ("Add", call.ec2_backend.add_create_volume_permission),
            ("Remove", call.ec2_backend.remove_create_volume_permission),
        ):
            parties = permission.get(verb, [])
            change(
                snapshot, user_ids=[party["UserId"] for party in parties if "UserId" in party],
                groups=[party["Group"] for party in parties if "Group" in party],
            )
        return ActionResult({})
