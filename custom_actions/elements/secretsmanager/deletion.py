"""The action `schedule-deletion` on `aws.secrets-manager`.

Source: Secrets Manager's DeleteSecret, RestoreSecret and DescribeSecret.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, fix_by_plan

_DAYS = 30
"""The longest that Secrets Manager keeps a deleted secret."""


def plan_deletion(secret: Mapping[str, Any], read_on: Any) -> FixPlan:
    """Plan to delete the secret of DescribeSecret. Raises Refusal if it must not be deleted.

    `read_on`: the day on which it was last read when c7n listed it.
    """
    name = secret["Name"]
    if secret.get("DeletedDate"):
        return FixPlan()
    if owner := secret.get("OwningService"):
        raise Refusal(f"the service {owner} manages the secret")
    region = secret["ARN"].split(":")[3]
    if secret.get("ReplicationStatus") or secret.get("PrimaryRegion", region) != region:
        raise Refusal("the secret has replicas in other regions, or is one: they may be in use")
    if secret.get("LastAccessedDate") != read_on:
        raise Refusal("the secret was read meanwhile")
    return FixPlan([Step(
        f"delete the secret in {_DAYS} days",
        Call("secretsmanager", "delete_secret", {"SecretId": name, "RecoveryWindowInDays": _DAYS}),
        Call("secretsmanager", "restore_secret", {"SecretId": name}), added={"RecoveryWindowInDays": _DAYS},
        note=f"the secret cannot be read from now on; it can be restored for {_DAYS} days", overwrites=True)])


class ScheduleDeletion(Fix):
    """Delete a secret with a recovery window of 30 days, and verify the result.

    Nobody can read the secret from then on. It can be restored until the window ends. A secret that an AWS service
    manages, that has replicas, or that was read after c7n listed it, is refused.

    Written because c7n's `delete` removes the replicas of a secret, which cannot be undone, does not verify the result,
    and writes no receipt.

    :example:

    .. code-block:: yaml

        policies:
          - name: secret-unused-delete
            resource: aws.secrets-manager
            filters:
              - {type: value, key: "LastAccessedDate || CreatedDate", value_type: age, op: gt, value: 90}
            actions:
              - schedule-deletion
    """

    schema = type_schema("schedule-deletion", otherwise=OTHERWISE)
    inverses = (Inverse("secretsmanager", "restore_secret", "SecretId"),)
    permissions = ("secretsmanager:DescribeSecret", "secretsmanager:DeleteSecret")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Delete one secret."""
        client = session.client("secretsmanager")

        def plan() -> FixPlan:
            return plan_deletion(call(client.describe_secret, SecretId=resource["Name"]),
                                 resource.get("LastAccessedDate"))

        yield fix_by_plan(lambda service: client, plan)
