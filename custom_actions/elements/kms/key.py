"""The action `revert-key`: enables a disabled KMS key, cancels a scheduled deletion, and turns rotation on again.

KMS does not show the earlier state of a key, and its events do not either. Scheduling a deletion disables the key, and
cancelling it leaves the key disabled: only earlier DisableKey and EnableKey events show whether it was enabled before.

Source: KMS's DescribeKey, "Key states of AWS KMS keys", CancelKeyDeletion, EnableKey, EnableKeyRotation.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from c7n.utils import type_schema

from ...aws import AWS_ERRORS, call, detail_of, earlier_named, reason_of
from ...fixing import (
    CONFIRM,
    OTHERWISE,
    Call,
    EventFix,
    FixPlan,
    FixResult,
    Inverse,
    Record,
    Step,
    again,
    events_of,
    fix_by_plan,
)

_Told = TypeVar("_Told")

DISABLE, ENABLE = "DisableKey", "EnableKey"
DELETE = "ScheduleKeyDeletion"
ROTATION_OFF, ROTATION_ON = "DisableKeyRotation", "EnableKeyRotation"

SETTLED = timedelta(minutes=15)
"""How old a DisableKey must be to count as intended: a more recent one may be the first step of the deletion."""

_PERMISSIONS = {
    DISABLE: ("kms:DescribeKey", "kms:EnableKey"),
    DELETE: ("kms:DescribeKey", "kms:CancelKeyDeletion", "kms:EnableKey", "cloudtrail:LookupEvents"),
    ROTATION_OFF: ("kms:GetKeyRotationStatus", "kms:EnableKeyRotation", "cloudtrail:LookupEvents"),
}


@dataclass(frozen=True)
class Key:
    """The current state of a key; what a fix does not need is not read, and is None."""

    key_id: str
    state: str = ""
    rotates: bool | None = None
    delay: int = 30
    """Days from the event to the deletion, for the call that undoes the fix."""


def plan_key(event: str, key: Key, *, was_enabled: bool = True, period: int | None = None) -> FixPlan:
    """What to do with `key` after an event of this name.

    Args:
        was_enabled: whether the key was enabled before its deletion was scheduled.
        period: days between rotations, if they are in the event history.
    """
    name = {"KeyId": key.key_id}
    if event == ROTATION_OFF:
        days = {"RotationPeriodInDays": period} if period else {}
        return FixPlan([Step(
            "turn rotation on", Call("kms", "enable_key_rotation", {**name, **days}),
            Call("kms", "disable_key_rotation", name), removed={"rotation": False}, added={"rotation": True},
        )] if key.rotates is False else [])
    enable = Step(
        "enable the key", Call("kms", "enable_key", name), Call("kms", "disable_key", name),
        removed={"state": "Disabled"}, added={"state": "Enabled"}, confirm=True,
    )
    if event == DISABLE:
        # A scheduled deletion has its own event, and its own fix.
        return FixPlan([enable] if key.state == "Disabled" else [])
    cancel = Step(
        "cancel the deletion", Call("kms", "cancel_key_deletion", name),
        Call("kms", "schedule_key_deletion", {**name, "PendingWindowInDays": key.delay}),
        removed={"state": "PendingDeletion"}, added={"state": "Disabled"},
    )
    steps = [cancel] if key.state == "PendingDeletion" else []
    if not was_enabled:
        return FixPlan(steps, notes=("the key was disabled before its deletion was scheduled: left disabled",))
    return FixPlan([*steps, enable] if steps or key.state == "Disabled" else [])


def was_enabled(record: Record, earlier: Iterable[Record]) -> bool:
    """Whether the key was enabled before `record`, a ScheduleKeyDeletion.

    Args:
        earlier: the DisableKey and EnableKey events of the key before it, newest first.

    A key without a known DisableKey counts as enabled: that is the state of a new key, and a key in use must not stay
    disabled.
    """
    limit = datetime.fromisoformat(record["eventTime"]) - SETTLED
    for change in earlier:
        if change["eventName"] == ENABLE:
            return True
        if datetime.fromisoformat(change["eventTime"]) <= limit:
            return False
    return True


def is_of(record: Record, key: Mapping[str, Any]) -> bool:
    """Whether a record is about this key of DescribeKey; requests have the key's id or its ARN."""
    return (record.get("requestParameters") or {}).get("keyId") in (key["KeyId"], key["Arn"])


class RevertKey(EventFix):
    """Undo what a CloudTrail event did to a KMS key, and verify the result.

    For policies in mode `cloudtrail` on these events:

    * DisableKey: the key is enabled.
    * ScheduleKeyDeletion: the deletion is cancelled. The key is enabled too, unless CloudTrail's event history (90
      days) shows that it was disabled more than 15 minutes earlier.
    * DisableKeyRotation: rotation is turned on, with the period from the history, or else with KMS's default of a year.

    Use the filter `event-actor` to allow such changes for certain principals. The receipt of each key has who made the
    change, and the calls that undo the fix.

    Written because c7n can disable keys and schedule their deletion, but cannot undo either.

    :example:

    .. code-block:: yaml

        policies:
          - name: kms-key-revert
            resource: aws.kms-key
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: kms.amazonaws.com
                  event: ScheduleKeyDeletion
                  ids: requestParameters.keyId
            actions:
              - revert-key
    """

    schema = type_schema("revert-key", otherwise=OTHERWISE, confirm=CONFIRM)
    inverses = (
        Inverse("kms", "disable_key", "KeyId", redo=again("enable_key")),
        Inverse("kms", "disable_key_rotation", "KeyId", redo=again("enable_key_rotation")),
        Inverse("kms", "schedule_key_deletion", "KeyId", optional=("PendingWindowInDays",),
                already=("KMSInvalidStateException: pending deletion",),
                redo=again("cancel_key_deletion", "PendingWindowInDays")),
    )
    permissions: tuple[str, ...] = tuple(dict.fromkeys(name for names in _PERMISSIONS.values() for name in names))
    events = (DISABLE, DELETE, ROTATION_OFF)

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions that the action needs for the events of its policy."""
        needed = (name for event in events_of(self) for name in _PERMISSIONS.get(event, ()))
        return tuple(dict.fromkeys(
            ("sts:GetCallerIdentity", *needed, *self.confirm_permissions(), *self.told_permissions())))

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Undo the event, if it is about this key."""
        record = detail_of(event)
        if not is_of(record, resource):
            return
        kms, name, key_id = session.client("kms"), record["eventName"], resource["KeyId"]
        lost: list[str] = []

        def told(ask: Callable[[Iterator[Record]], _Told], names: Sequence[str], default: _Told) -> _Told:
            """The answer from the event history, or `default` when it cannot be read: the key is fixed all the same."""
            found = earlier_named(session.client("cloudtrail"), names, record)
            try:
                return ask(change for change in found if is_of(change, resource))
            except AWS_ERRORS as error:
                lost.append(f"the event history could not be read: {reason_of(error)}")
                return default

        if name == ROTATION_OFF:
            def plan() -> FixPlan:
                on = call(kms.get_key_rotation_status, KeyId=key_id)["KeyRotationEnabled"]
                return plan_key(
                    name, Key(key_id, rotates=on), period=None if on else told(_period, (ROTATION_ON,), None))
        else:
            # Read before the key is enabled: our own EnableKey must not count.
            enabled = name == DISABLE or told(partial(was_enabled, record), (DISABLE, ENABLE), True)

            def plan() -> FixPlan:
                state = call(kms.describe_key, KeyId=key_id)["KeyMetadata"]["KeyState"]
                delay = (record.get("requestParameters") or {}).get("pendingWindowInDays") or 30
                return plan_key(name, Key(key_id, state, delay=delay), was_enabled=enabled)

        fixed = fix_by_plan(lambda service: kms, plan, confirm=self.confirm(session, event))
        yield replace(fixed, notes=[*fixed.notes, *lost])


def _period(earlier: Iterable[Record]) -> int | None:
    for change in earlier:
        return (change.get("requestParameters") or {}).get("rotationPeriodInDays")
    return None
