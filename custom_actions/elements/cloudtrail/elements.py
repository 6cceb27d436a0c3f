"""The action `revert-trail` on `aws.cloudtrail`, and the filter `deleted-trail` on `aws.account`."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.resources.aws import shape_validate
from c7n.utils import local_session, type_schema

from ...aws import AWS_ERRORS, Actor, actor_of, detail_of, reason_of
from ...errors import Refusal
from ...fixing import (
    CONFIRM,
    OTHERWISE,
    EventFix,
    FixPlan,
    FixResult,
    Inverse,
    Outcome,
    again,
    check_events,
    events_of,
    fix_by_plan,
)
from .apply import TrailGone, fix_plan, read_trail, summarised
from .event import CREATE, DELETE, EVENTS, SELECT, STOP, UPDATE, Record, arn_of
from .history import CHANGES, earlier_changes, last_known
from .plan import Declared, EventError, foreign, plan_trail, target_of
from .state import DEFAULT_SELECTORS, SETTINGS, Selectors

_PERMISSIONS = {
    STOP: ("cloudtrail:GetTrailStatus", "cloudtrail:StartLogging"),
    # PassRole: UpdateTrail takes the role that writes to CloudWatch Logs.
    UPDATE: ("cloudtrail:DescribeTrails", "cloudtrail:UpdateTrail", "cloudtrail:LookupEvents", "iam:PassRole"),
    SELECT: ("cloudtrail:GetEventSelectors", "cloudtrail:PutEventSelectors", "cloudtrail:LookupEvents"),
}


class RevertTrail(EventFix):
    """Restore what a CloudTrail event changed on a trail, and verify the result.

    For policies in mode `cloudtrail`. Only the trail in the event is changed:

    * StopLogging: logging is started.
    * UpdateTrail: the settings that the request changed are set to their earlier values. Other settings are never
      changed, and a flag that the request turned on stays on, because that does not weaken the trail.
    * PutEventSelectors: the earlier selectors, basic or advanced, are restored. New selectors that certainly record
      all that the earlier ones did are kept: added data events do not weaken the trail.

    The earlier state comes from CloudTrail's event history (90 days). A state counts when it is at least 15 minutes
    old, when our own role set it, or when the trail itself is younger. So after two changes in a row, the first of
    them is not the state to restore. A policy can declare required values:

    * `required`: UpdateTrail's parameters. They take precedence over the history for settings that the event changed.
    * `event-selectors`: selectors as in PutEventSelectors, for a trail whose earlier selectors are not in the
      history. `default` means those of a new trail: all management events, no data events.

    A setting whose earlier value is unknown is not changed, and the receipt says so: the outcome is refused, or
    partial when something else was restored. A trail with another home region, and an organization's trail in a
    member account, are refused, because they cannot be changed from here.

    The outcome of each trail is reverted, already-ok, partial, failed or refused. Its receipt has the settings removed
    and added, the calls that undo the fix, and who caused the drift and when. Receipts are in `action-revert-trail`
    beside the policy's other output. A trail that fails does not stop the others; after all are done, a failed or
    partial one makes the policy fail. A call that AWS refused, and an event caused by the function's own role, are
    ignored. To allow changes by certain principals, exclude their events with c7n's `event` filter.

    Written because c7n's `update-trail` and `set-logging` set fixed values: they do not know the earlier state, event
    selectors, or who made the change, and they do not verify the result.

    :example:

    .. code-block:: yaml

        policies:
          - name: cloudtrail-settings-restore
            resource: aws.cloudtrail
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: cloudtrail.amazonaws.com
                  event: UpdateTrail
                  ids: requestParameters.name
            actions:
              - type: revert-trail
                required:
                  EnableLogFileValidation: true
                  IncludeGlobalServiceEvents: true

    :example:

    .. code-block:: yaml

        policies:
          - name: cloudtrail-event-selectors-restore
            resource: aws.cloudtrail
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: cloudtrail.amazonaws.com
                  event: PutEventSelectors
                  ids: requestParameters.trailName
            actions:
              - type: revert-trail
                event-selectors:
                  - ReadWriteType: All
                    IncludeManagementEvents: true
                    DataResources:
                      - Type: AWS::S3::Object
                        Values: ["arn:aws:s3"]
    """

    # Not c7n's type_schema, which takes `required` to be JSON schema's.
    schema = {  # noqa: RUF012 - c7n reads it from the class
        "type": "object",
        "additionalProperties": False,
        "required": ["type"],
        "properties": {
            "type": {"enum": ["revert-trail"]},
            "required": {"type": "object", "minProperties": 1},
            "event-selectors": {
                "oneOf": [
                    {"enum": ["default"]},
                    {"type": "array", "minItems": 1, "items": {"type": "object"}},
                ]
            },
            "otherwise": OTHERWISE,
            "confirm": CONFIRM,
        },
    }
    inverses = (
        Inverse("cloudtrail", "stop_logging", "Name", redo=again("start_logging")),
        Inverse("cloudtrail", "put_event_selectors", "TrailName",
                optional=("EventSelectors", "AdvancedEventSelectors")),
        Inverse("cloudtrail", "update_trail", "Name", optional=SETTINGS),
    )
    permissions: tuple[str, ...] = tuple(dict.fromkeys(
        ("sts:GetCallerIdentity", *(name for names in _PERMISSIONS.values() for name in names))
    ))

    events = EVENTS

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions that the action needs for the events of its policy; for all events when it has none."""
        events = [name for name in events_of(self) if name in _PERMISSIONS]
        if not events:
            return self.permissions
        needed = (name for event in events for name in _PERMISSIONS[event])
        # Starting a trail needs no confirmation.
        confirm = self.confirm_permissions() if set(events) - {STOP} else ()
        return tuple(dict.fromkeys(
            ("sts:GetCallerIdentity", *needed, *confirm, *self.told_permissions())))

    def validate(self) -> RevertTrail:
        super().validate()
        required = self.data.get("required") or {}
        if "Name" in required:
            raise PolicyValidationError(f"{self.type}: required applies to every trail, so it cannot contain Name")
        self._check_shape("required", {"Name": "any", **required}, "UpdateTrailRequest")
        if not str(required.get("KmsKeyId", "arn:")).startswith("arn:") or ":alias/" in required.get("KmsKeyId", ""):
            raise PolicyValidationError(
                f"{self.type}: required.KmsKeyId must be the ARN of a key, because a trail's description has the ARN: "
                "an alias or an id cannot be compared with it"
            )
        if isinstance(selectors := self.data.get("event-selectors"), list):
            kind = "AdvancedEventSelectors" if any("FieldSelectors" in each for each in selectors) else "EventSelectors"
            self._check_shape("event-selectors", {"TrailName": "any", kind: selectors}, "PutEventSelectorsRequest")
        return self

    def _check_shape(self, name: str, parameters: dict[str, Any], shape: str) -> None:
        try:
            shape_validate(parameters, shape, "cloudtrail")
        except PolicyValidationError as error:
            raise PolicyValidationError(f"{self.type}: {name}: {error}") from None

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Restore the trail, if the event is about it."""
        record = detail_of(event)
        if resource["TrailARN"] != arn_of(record):
            self.log.info("%s %s: the event is about %s", self.type, resource["TrailARN"], arn_of(record))
            return
        config = self.manager.config
        if why := foreign(resource, config.account_id, config.region):
            raise Refusal(why)
        yield self._restore(
            session.client("cloudtrail"), resource["TrailARN"], record, self.confirm(session, event))

    def _restore(
        self, client: Any, arn: str, record: Record, confirm: Callable[[], None] | None
    ) -> FixResult:
        name = record["eventName"]
        lost: list[str] = []

        def earlier() -> Iterator[Record]:
            # Without its history, a trail still gets what the policy declares.
            try:
                yield from earlier_changes(client, record, (CREATE, name))
            except AWS_ERRORS as error:
                lost.append(reason_of(error))

        try:
            # Read first: a deleted trail needs no history.
            read = [read_trail(client, arn, name)]
            target = target_of(record, earlier, self._declared(), self.is_ours)
        except (TrailGone, EventError) as error:
            raise Refusal(str(error)) from error

        def plan() -> FixPlan:
            now = read.pop() if read else read_trail(client, arn, name)
            return fix_plan(now, plan_trail(now, target), self._declared())

        result = fix_by_plan(lambda service: client, plan, summarise=summarised, confirm=confirm)
        if not lost or result.outcome is Outcome.ALREADY_OK:
            return result
        return replace(
            result, outcome=Outcome.PARTIAL if result.added else Outcome.FAILED,
            reason="; ".join(filter(None, [f"the event history could not be read: {lost[0]}", result.reason])))

    def _declared(self) -> Declared:
        selectors = self.data.get("event-selectors")
        if isinstance(selectors, list):
            return Declared(self.data.get("required") or {}, Selectors.of(selectors))
        return Declared(self.data.get("required") or {}, DEFAULT_SELECTORS if selectors else None)


class DeletedTrail(Filter):
    """The account in which a CloudTrail trail was deleted, with the trail's last known state.

    For policies in mode `cloudtrail` on DeleteTrail. A deleted trail cannot be described, so the resource is the
    account, and the state comes from CloudTrail's event history (90 days). It is kept on the account as
    `c7n:DeletedTrail`, so that `notify` can send it: name, ARN, settings, event selectors, whether it was logging, and
    who created, last changed and deleted it. When the settings are not in the history, `known` is false and `reason`
    says why; the deletion is still reported. A DeleteTrail that AWS refused does not match.

    :example:

    .. code-block:: yaml

        policies:
          - name: cloudtrail-deleted-alert
            resource: aws.account
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: cloudtrail.amazonaws.com
                  event: DeleteTrail
                  ids: recipientAccountId
            filters:
              - deleted-trail
            actions:
              - type: notify
                to: [security]
                transport:
                  type: sns
                  topic: arn:{partition}:sns:{region}:{account_id}:guardrails-compliance
    """

    schema = type_schema("deleted-trail")
    permissions = ("cloudtrail:LookupEvents",)
    annotation_key = "c7n:DeletedTrail"

    def validate(self) -> DeletedTrail:
        check_events(self, (DELETE,))
        return self

    def process(
        self, resources: list[dict[str, Any]], event: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        record = detail_of(event)
        if record.get("eventName") != DELETE or record.get("errorCode"):
            return []
        deleted = self._describe(record)
        self.log.warning("%s: %s was deleted by %s", self.type, deleted["arn"], deleted["deleted"]["arn"])
        return [{**account, self.annotation_key: deleted} for account in resources]

    def _describe(self, record: Record) -> dict[str, Any]:
        arn, actor = arn_of(record), actor_of({"detail": record}) or Actor()
        deleted = {"name": arn.rpartition("/")[2], "arn": arn, "deleted": asdict(actor)}
        client = local_session(self.manager.session_factory).client("cloudtrail")
        try:
            known = last_known(earlier_changes(client, record, CHANGES))
        except AWS_ERRORS as error:
            return {**deleted, "known": False, "reason": f"the event history could not be read: {reason_of(error)}"}
        if not known["known"]:
            known["reason"] = "the trail's settings are not in the event history (90 days; some minutes late)"
        return {**deleted, **known}
