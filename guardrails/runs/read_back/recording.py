"""Compares what fixes change in CloudTrail, AWS Config and GuardDuty: trails, recorders, delivery channels, detectors.

Source: CloudTrail's GetTrail, GetTrailStatus and GetEventSelectors; AWS Config's DescribeConfigurationRecorders,
DescribeConfigurationRecorderStatus and DescribeDeliveryChannels; GuardDuty's ListDetectors and GetDetector.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from custom_actions.aws import call
from custom_actions.elements.cloudtrail import Selectors, answered_settings, selectors_in
from custom_actions.elements.guardduty import feature_now

from .base import (
    AS_FIXED,
    BACK,
    Comparison,
    Observation,
    Parameters,
    Reads,
    Receipt,
    added_to,
    changed,
    created,
    differs,
    made_by,
    merged,
    two_states,
)

# -- CloudTrail -------------------------------------------------------------------------------------------------


def _logging(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    return two_states(back=not call(client.get_trail_status, Name=parameters["Name"])["IsLogging"])


def _trail(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    found = answered_settings(call(client.get_trail, Name=parameters["Name"])["Trail"])
    before = {name: value for name, value in parameters.items() if name != "Name"}
    now = {name: found.get(name) for name in before}
    if now == before:
        return BACK
    added = merged(receipt)
    fixed = {**before, **added.get("Settings", added)}
    wrong = [name for name in before if not _names(now[name], fixed[name])]
    if not wrong:
        return AS_FIXED
    if all(str(fixed[name]).startswith("alias/") for name in wrong):
        # CloudTrail shows the ARN of the key. Which key an alias names may have changed.
        return Observation(
            Comparison.UNKNOWN, f"the trail's key is {now['KmsKeyId']}, and the fix set it by the alias "
            f"{fixed['KmsKeyId']}, which names no certain key")
    return changed(", ".join(f"{name} is {'not set' if now[name] in (None, '') else now[name]}" for name in wrong))


def _names(shown: Any, given: Any) -> bool:
    """Whether a setting that AWS shows is the given one. A key can be given by its id, and a topic by its ARN."""
    return bool(shown == given) or (
        isinstance(shown, str) and isinstance(given, str) and bool(shown) and bool(given)
        and (shown.endswith(f":key/{given}") or given.endswith(f":{shown}")))


def _selectors(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    now = selectors_in(call(client.get_event_selectors, TrailName=parameters["TrailName"]))
    if now == selectors_in(parameters):
        return BACK
    if now == selectors_in(merged(receipt)):
        return AS_FIXED
    return differs(_shown(now))


def _shown(selectors: Selectors | None) -> Any:
    return selectors.parameters() if selectors else None


# -- AWS Config -------------------------------------------------------------------------------------------------


def _named(found: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    return next((each for each in found if each["name"] == name), None)


def _recording(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    name = parameters["ConfigurationRecorderName"]
    for status in call(client.describe_configuration_recorder_status)["ConfigurationRecordersStatus"]:
        if status["name"] == name:
            return two_states(back=not status["recording"])
    # If the fix created the recorder, it did not exist before.
    return BACK if _made(receipt, name, "roleARN") else changed(f"the recorder {name} no longer exists")


def _new_recorder(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    name = parameters["ConfigurationRecorderName"]
    found = call(client.describe_configuration_recorders)["ConfigurationRecorders"]
    return created(_named(found, name), _made(receipt, name, "roleARN"), f"the recorder {name}")


def _new_channel(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    name = parameters["DeliveryChannelName"]
    found = call(client.describe_delivery_channels)["DeliveryChannels"]
    return created(
        _named(found, name), _made(receipt, name, "s3BucketName"), f"the delivery channel {name}",
        unset=("s3KeyPrefix", "s3KmsKeyArn", "snsTopicARN", "configSnapshotDeliveryProperties"))


def _made(receipt: Receipt, name: str, key: str) -> list[Mapping[str, Any]]:
    """The recorder or the channel of this name in the receipt's `added`; only one of them has the key."""
    return [each for each in added_to(receipt, name=name) if key in each]


# -- GuardDuty --------------------------------------------------------------------------------------------------


def _detector_of(client: Any, name: str) -> Mapping[str, Any] | None:
    pages = call(lambda: list(client.get_paginator("list_detectors").paginate()))
    if name not in [each for page in pages for each in page["DetectorIds"]]:
        return None
    found: Mapping[str, Any] = call(client.get_detector, DetectorId=name)
    return found


def _detector(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    found = _detector_of(client, parameters["DetectorId"])
    if found is None:
        return changed(f"the detector {parameters['DetectorId']} no longer exists")
    if before := parameters.get("Features"):
        now = [feature_now(list(found.get("Features") or ()), each["Name"]) for each in before]
        if all(map(_is_feature, now, before)):
            return BACK
        fixed = merged(receipt).get("Features") or ()
        return AS_FIXED if len(fixed) == len(now) and all(map(_is_feature, now, fixed)) else differs(now)
    return two_states(back=found["Status"] == "DISABLED")


def _is_feature(now: Parameters, given: Parameters) -> bool:
    """Whether a protection plan has the given status, and its agents have theirs. One that is not shown is off."""
    agents = {each["Name"]: each["Status"] for each in now.get("AdditionalConfiguration") or ()}
    return now["Status"] == given["Status"] and all(
        agents.get(each["Name"], "DISABLED") == each["Status"] for each in given.get("AdditionalConfiguration") or ())


def _new_detector(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    """Deleting a detector loses its findings and settings, so it must be the one that the fix created."""
    name = parameters["DetectorId"]
    found = _detector_of(client, name)
    if found is None:
        return BACK
    made = found.get("CreatedAt")
    if not made or not made_by(datetime.fromisoformat(made), receipt):
        return Observation(
            Comparison.OTHER, f"the detector {name} was created at {made}, but the receipt is for one of "
            f"{receipt['at']}")
    added = merged(receipt)
    features = {each["Name"]: each["Status"] for each in found.get("Features") or ()}
    now = {
        "Enable": found["Status"] == "ENABLED", "FindingPublishingFrequency": found.get("FindingPublishingFrequency"),
        "Features": [{**each, "Status": features.get(each["Name"], each["Status"])}
                     for each in added.get("Features") or ()]}
    return created(
        now, [{key: value for key, value in added.items() if key in now}], f"the detector {name}")


RECORDING: Reads = {
    ("cloudtrail", "stop_logging"): _logging,
    ("cloudtrail", "update_trail"): _trail,
    ("cloudtrail", "put_event_selectors"): _selectors,
    ("config", "stop_configuration_recorder"): _recording,
    ("config", "delete_configuration_recorder"): _new_recorder,
    ("config", "delete_delivery_channel"): _new_channel,
    ("guardduty", "update_detector"): _detector,
    ("guardduty", "delete_detector"): _new_detector,
}
