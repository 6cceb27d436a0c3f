"""EBS snapshots: both ways to share one, and the region's block of public sharing, which moto lacks.

Source of the block: EC2's GetSnapshotBlockPublicAccessState, EnableSnapshotBlockPublicAccess and
DisableSnapshotBlockPublicAccess. It is kept, but does not change what is shared.
"""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from ..moto_fixes import replaces

_STATE = "guardrails_snapshot_sharing"
"""Where a backend keeps the state of its region."""


def apply() -> None:
    """Apply the changes, once in the server's process."""
    for operation in (get_snapshot_block_public_access_state, enable_snapshot_block_public_access,
                      disable_snapshot_block_public_access):
        setattr(ElasticBlockStore, operation.__name__, operation)
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


def get_snapshot_block_public_access_state(call: Any) -> ActionResult:
    """The state of the block, and who sets it: the account."""
    return ActionResult({"State": call.ec2_backend.__dict__.get(_STATE, "unblocked"), "ManagedBy": "account"})


def enable_snapshot_block_public_access(call: Any) -> ActionResult:
    """Block all public sharing, or new sharing only."""
    setattr(call.ec2_backend, _STATE, call._get_param("State"))
    return ActionResult({"State": call._get_param("State")})


def disable_snapshot_block_public_access(call: Any) -> ActionResult:
    """Block nothing."""
    setattr(call.ec2_backend, _STATE, "unblocked")
    return ActionResult({"State": "unblocked"})
