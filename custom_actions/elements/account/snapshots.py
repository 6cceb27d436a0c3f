"""The filter `snapshot-sharing-allowed` and the action `block-snapshot-sharing` on the account.

Source: EC2's GetSnapshotBlockPublicAccessState, EnableSnapshotBlockPublicAccess and DisableSnapshotBlockPublicAccess;
EBS user guide, "Block public access for Amazon EBS snapshots".
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import (
    OTHERWISE,
    Call,
    Fix,
    FixPlan,
    FixResult,
    Inverse,
    Step,
    again,
    fix_by_plan,
    is_account,
    is_removed,
)

_ALL, _NONE = "block-all-sharing", "unblocked"
_ENABLE, _DISABLE = "enable_snapshot_block_public_access", "disable_snapshot_block_public_access"
SNAPSHOT_SHARING = "SnapshotBlockPublicAccess"
"""The key of the setting in `removed` and `added` of a receipt."""


class SnapshotSharingAllowed(Filter):
    """The account, when a region does not block all public sharing of EBS snapshots.

    The state `block-new-sharing` is not enough: snapshots that are public already stay public. The state is kept on the
    account as `c7n:SnapshotBlockPublicAccess`.

    Written because c7n has no filter for this setting of an account.

    :example:

    .. code-block:: yaml

        policies:
          - name: account-no-public-snapshot
            resource: aws.account
            filters:
              - snapshot-sharing-allowed
    """

    schema = type_schema("snapshot-sharing-allowed")
    permissions = ("ec2:GetSnapshotBlockPublicAccessState",)
    annotation_key = "c7n:SnapshotBlockPublicAccess"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("ec2")
        state = call(client.get_snapshot_block_public_access_state)["State"]
        return [] if state == _ALL else [{**account, self.annotation_key: state} for account in resources]


def plan_block(answer: Mapping[str, Any]) -> FixPlan:
    """Block all public sharing.

    Args:
        answer: from GetSnapshotBlockPublicAccessState.

    Raises Refusal if the organization sets the state.
    """
    state = answer["State"]
    if state == _ALL:
        return FixPlan()
    if answer.get("ManagedBy") == "declarative-policy":
        raise Refusal("a declarative policy of the organization sets it: change that policy instead")
    before = Call("ec2", _DISABLE, {}) if state == _NONE else Call("ec2", _ENABLE, {"State": state})
    return FixPlan([Step(
        "block all public sharing of snapshots", Call("ec2", _ENABLE, {"State": _ALL}), before,
        removed={SNAPSHOT_SHARING: state}, added={SNAPSHOT_SHARING: _ALL}, overwrites=True)])


class BlockSnapshotSharing(Fix):
    """Block all public sharing of EBS snapshots in the region, and verify the result.

    Snapshots that are public are then treated as private. Their own permissions stay, so they are public again after a
    rollback. If a declarative policy of the organization sets the state, the fix is refused.

    Written because c7n has no action for this setting of an account.

    :example:

    .. code-block:: yaml

        policies:
          - name: ebs-snapshot-sharing-block
            resource: aws.account
            filters:
              - snapshot-sharing-allowed
            actions:
              - block-snapshot-sharing
    """

    schema = type_schema("block-snapshot-sharing", otherwise=OTHERWISE)
    inverses = (
        Inverse("ec2", _DISABLE, matches=is_account, redo=again(_ENABLE, State=_ALL)),
        Inverse("ec2", _ENABLE, matches=is_account, values={"State": is_removed}, redo=again(_ENABLE, State=_ALL)),
    )
    permissions = ("ec2:GetSnapshotBlockPublicAccessState", "ec2:EnableSnapshotBlockPublicAccess")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Block the sharing in the session's region."""
        client = session.client("ec2")
        yield fix_by_plan(
            lambda service: client, lambda: plan_block(call(client.get_snapshot_block_public_access_state)))
