"""The action `revert-recorder`: restores and starts AWS Config's recorder and delivery channel.

Source: AWS Config's PutConfigurationRecorder, PutDeliveryChannel, StartConfigurationRecorder and the Describe and
Delete calls for them. A region has one customer managed recorder, and one delivery channel.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

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
    Outcome,
    Record,
    Step,
    Subject,
    again,
    fix_by_plan,
    only_in_region,
)

STOP, DELETE_RECORDER, DELETE_CHANNEL = (
    "StopConfigurationRecorder", "DeleteConfigurationRecorder", "DeleteDeliveryChannel",
)
PUT_RECORDER, PUT_CHANNEL = "PutConfigurationRecorder", "PutDeliveryChannel"


@dataclass(frozen=True)
class Recording:
    """The recorder and the delivery channel in a region; None when there is none."""

    recorder: str | None
    """The recorder's name."""
    recording: bool
    channel: str | None
    """The delivery channel's name."""


Known = Callable[[str], Mapping[str, Any] | None]
"""Takes PutConfigurationRecorder or PutDeliveryChannel; returns what the last such call in the history has put."""


def plan_recorder(now: Recording, known: Known) -> FixPlan:
    """Restore what is missing, and start recording. The event history is read only for what is missing."""
    steps, missing = [], []
    name = now.recorder
    if name is None:
        if recorder := known(PUT_RECORDER):
            name = str(recorder["name"])
            steps.append(Step(
                f"recreate the recorder {name}",
                Call("config", "put_configuration_recorder", {"ConfigurationRecorder": recorder}),
                Call("config", "delete_configuration_recorder", {"ConfigurationRecorderName": name}), added=recorder,
                confirm=True, overwrites=True,
            ))
        else:
            missing.append("the recorder")
    if now.channel is None:
        if channel := known(PUT_CHANNEL):
            steps.append(Step(
                f"recreate the delivery channel {channel['name']}",
                Call("config", "put_delivery_channel", {"DeliveryChannel": channel}),
                Call("config", "delete_delivery_channel", {"DeliveryChannelName": channel["name"]}), added=channel,
                confirm=True, overwrites=True,
            ))
        else:
            missing.append("the delivery channel")
    if name is not None and not now.recording and "the delivery channel" not in missing:
        parameters = {"ConfigurationRecorderName": name}
        steps.append(Step(
            "start recording", Call("config", "start_configuration_recorder", parameters),
            Call("config", "stop_configuration_recorder", parameters),
            removed={"recording": False}, added={"recording": True},
        ))
    return FixPlan(steps, cannot=f"no earlier event contains {' and '.join(missing)}" if missing else "")


class RevertRecorder(EventFix):
    """Restore AWS Config's recorder and delivery channel, start recording, and verify the result.

    For policies in mode `cloudtrail`, on `account`, on StopConfigurationRecorder, DeleteConfigurationRecorder and
    DeleteDeliveryChannel. After any of them, a missing recorder or delivery channel is recreated from CloudTrail's
    event history (90 days), and recording is started. What is not in the history is not restored; `otherwise` can send
    a notification about it. The receipt has who made the change, and the calls that undo the fix.

    Written because c7n's `toggle-recording` can only start an existing recorder.

    :example:

    .. code-block:: yaml

        policies:
          - name: config-recorder-revert
            resource: aws.account
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: config.amazonaws.com
                  event: StopConfigurationRecorder
                  ids: recipientAccountId
            actions:
              - revert-recorder
    """

    schema = type_schema("revert-recorder", otherwise=OTHERWISE, confirm=CONFIRM)
    inverses = (
        Inverse("config", "delete_configuration_recorder", "ConfigurationRecorderName", only_in_region,
                already=("NoSuchConfigurationRecorderException",), type="aws.config-recorder"),
        Inverse("config", "delete_delivery_channel", "DeliveryChannelName", only_in_region,
                already=("NoSuchDeliveryChannelException",), type="aws.config-recorder"),
        Inverse("config", "stop_configuration_recorder", "ConfigurationRecorderName", only_in_region,
                type="aws.config-recorder", redo=again("start_configuration_recorder")),
    )
    permissions: tuple[str, ...] = (
        "config:DescribeConfigurationRecorders", "config:DescribeConfigurationRecorderStatus",
        "config:DescribeDeliveryChannels", "config:PutConfigurationRecorder", "config:PutDeliveryChannel",
        "config:StartConfigurationRecorder", "cloudtrail:LookupEvents",
        # PutConfigurationRecorder takes the role that records.
        "iam:PassRole",
    )
    events = (STOP, DELETE_RECORDER, DELETE_CHANNEL)

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Restore and start the recorder of this region."""
        config, record = session.client("config"), detail_of(event)
        lost: list[str] = []

        def known(name: str) -> Mapping[str, Any] | None:
            try:
                return last_put(earlier_named(session.client("cloudtrail"), (name,), record))
            except AWS_ERRORS as error:
                lost.append(f"the event history could not be read: {reason_of(error)}")
                return None

        recorder = Subject(str(_name(record) or resource["account_id"]), "aws.config-recorder")
        fixed = recorder.fix(lambda: fix_by_plan(
            lambda service: config, lambda: plan_recorder(read(config), known), confirm=self.confirm(session, event)))
        # When the history could not be read, it may contain the settings: that is a failure, not a refusal.
        outcome = Outcome.FAILED if lost and fixed.outcome is Outcome.REFUSED else fixed.outcome
        yield replace(fixed, outcome=outcome, reason="; ".join(filter(None, [fixed.reason, *lost[:1]])))


def read(config: Any) -> Recording:
    """The current state, without recorders that an AWS service manages."""
    recorders = [
        recorder for recorder in call(config.describe_configuration_recorders)["ConfigurationRecorders"]
        if not recorder.get("servicePrincipal")
    ]
    statuses = {
        status["name"]: status["recording"]
        for status in call(config.describe_configuration_recorder_status)["ConfigurationRecordersStatus"]
    }
    channels = call(config.describe_delivery_channels)["DeliveryChannels"]
    name = recorders[0]["name"] if recorders else None
    return Recording(name, bool(name and statuses.get(name)), channels[0]["name"] if channels else None)


def last_put(earlier: Iterator[Record]) -> Mapping[str, Any] | None:
    """What the newest of these records has put; None without any. AWS Config's own spelling is lower camel case too."""
    for change in earlier:
        request = change.get("requestParameters") or {}
        return dict(request.get("configurationRecorder") or request.get("deliveryChannel") or {}) or None
    return None


def _name(record: Record) -> str | None:
    request = record.get("requestParameters") or {}
    return request.get("configurationRecorderName") or request.get("deliveryChannelName")
