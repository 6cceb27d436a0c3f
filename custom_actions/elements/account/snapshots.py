"""The filter `snapshot-sharing-allowed` on the account: whether EBS snapshots can be shared with everyone.

Source: EC2's GetSnapshotBlockPublicAccessState.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call

_ALL = "block-all-sharing"


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
