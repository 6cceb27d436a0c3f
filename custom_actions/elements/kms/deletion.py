"""The action `cancel-deletion` on KMS keys.

Source: KMS's DescribeKey, CancelKeyDeletion and ScheduleKeyDeletion; "Key states of AWS KMS keys".
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, again, fix_by_plan

PENDING, OF_REPLICAS = "PendingDeletion", "PendingReplicaDeletion"
_LEAST, _MOST = 7, 30


def plan_cancel(key: Mapping[str, Any], now: datetime) -> FixPlan:
    """Cancel the deletion of a key. `key`: its metadata in DescribeKey."""
    if key["KeyState"] == OF_REPLICAS:
        return FixPlan(cannot="KMS deletes this primary key only after its replicas: cancel the deletion by hand")
    if key["KeyState"] != PENDING:
        return FixPlan()
    name = {"KeyId": key["KeyId"]}
    window = min(max((key["DeletionDate"] - now).days, _LEAST), _MOST)
    return FixPlan([Step(
        "cancel the deletion", Call("kms", "cancel_key_deletion", name),
        Call("kms", "schedule_key_deletion", {**name, "PendingWindowInDays": window}),
        removed={"state": key["KeyState"]}, added={"state": "Disabled"},
        note="the key is disabled: enable it if something uses it")])


class CancelDeletion(Fix):
    """Cancel the scheduled deletion of a KMS key, and verify the result. KMS leaves the key disabled.

    For keys whose deletion was scheduled before `revert-key` was there to cancel it.

    Written because c7n can schedule the deletion of a key, but cannot cancel it.

    :example:

    .. code-block:: yaml

        policies:
          - name: kms-key-deletion-cancel
            resource: aws.kms-key
            filters:
              - KeyState: PendingDeletion
            actions:
              - cancel-deletion
    """

    schema = type_schema("cancel-deletion", otherwise=OTHERWISE)
    schema_alias = False
    inverses = (
        Inverse("kms", "schedule_key_deletion", "KeyId", optional=("PendingWindowInDays",),
                already=("KMSInvalidStateException: pending deletion",),
                redo=again("cancel_key_deletion", "PendingWindowInDays")),
    )
    permissions: tuple[str, ...] = ("kms:DescribeKey", "kms:CancelKeyDeletion")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Cancel the deletion."""
        client = session.client("kms")
        yield fix_by_plan(lambda service: client, lambda: plan_cancel(
            call(client.describe_key, KeyId=resource["KeyId"])["KeyMetadata"], datetime.now(UTC)))
