"""The action `disable-created-key`: disables the access key that an event created.

Source: IAM's CreateAccessKey, UpdateAccessKey and ListAccessKeys.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from c7n.utils import type_schema

from ...aws import call, detail_of
from ...fixing import OTHERWISE, Call, EventFix, FixPlan, FixResult, Inverse, Step, again, fix_by_plan, is_removed


def plan_key(user: str, key_id: str, keys: Sequence[Mapping[str, Any]]) -> FixPlan:
    """Disable one of a user's keys from ListAccessKeys; no step when it is disabled or deleted."""

    def update(status: str) -> Call:
        return Call("iam", "update_access_key", {"UserName": user, "AccessKeyId": key_id, "Status": status})

    return FixPlan([
        Step(f"disable {key_id}", update("Inactive"), update("Active"),
             removed={key_id: "Active"}, added={key_id: "Inactive"})
        for key in keys if key["AccessKeyId"] == key_id and key["Status"] == "Active"
    ])


class DisableCreatedKey(EventFix):
    """Disable the access key that the event CreateAccessKey created, and verify the result.

    Other keys of the user are not changed. The key is disabled, not deleted: the receipt has the call that enables it
    again. Use the filter `event-actor` to allow certain principals to create keys.

    Written because c7n's `remove-keys` selects keys by age or by a credential report that is hours old: it cannot
    distinguish a new key from those that are in use.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-access-key-created-disable
            resource: aws.iam-user
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: iam.amazonaws.com
                  event: CreateAccessKey
                  ids: responseElements.accessKey.userName
            filters:
              - type: event-actor
                allowed: ["arn:{partition}:iam::{account_id}:role/iam-provisioning"]
            actions:
              - disable-created-key
    """

    schema = type_schema("disable-created-key", otherwise=OTHERWISE)
    inverses = (
        Inverse("iam", "update_access_key", "UserName", values={"AccessKeyId": is_removed, "Status": "Active"},
                redo=again("update_access_key", Status="Inactive")),
    )
    permissions: tuple[str, ...] = ("iam:ListAccessKeys", "iam:UpdateAccessKey")
    events = ("CreateAccessKey",)

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Disable the key, if it belongs to this user."""
        made = (detail_of(event).get("responseElements") or {}).get("accessKey") or {}
        user, key_id = resource["UserName"], made.get("accessKeyId")
        if not key_id or made.get("userName") != user:
            return
        client = session.client("iam")

        def plan() -> FixPlan:
            # A user has at most two keys, so there is one page.
            return plan_key(user, key_id, call(client.list_access_keys, UserName=user)["AccessKeyMetadata"])

        yield fix_by_plan(lambda service: client, plan)
