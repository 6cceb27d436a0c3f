"""What c7n's actions switch on: the rotation of keys, trails, and AWS Config's recorder.

Source: KMS's EnableKeyRotation, DisableKeyRotation and GetKeyRotationStatus; CloudTrail's StartLogging, StopLogging and
GetTrailStatus; AWS Config's StartConfigurationRecorder, StopConfigurationRecorder and
DescribeConfigurationRecorderStatus.
"""
from __future__ import annotations

from collections.abc import Mapping

from ...aws import call
from .change import Attempt, Change, Plan, setting


def _rotation(attempt: Attempt) -> Change | None:
    client, key = attempt.client, attempt.parameters["KeyId"]

    def read() -> bool:
        return bool(call(client.get_key_rotation_status, KeyId=key)["KeyRotationEnabled"])

    return setting(
        attempt, "rotation", read, True, attempt.undo("disable_key_rotation", KeyId=key), before=read())


def _logging(attempt: Attempt) -> Change | None:
    client, trail = attempt.client, attempt.parameters["Name"]

    def read() -> bool:
        return bool(call(client.get_trail_status, Name=trail)["IsLogging"])

    return setting(attempt, "logging", read, True, attempt.undo("stop_logging", Name=trail), before=read())


def _recording(attempt: Attempt) -> Change | None:
    client, recorder = attempt.client, attempt.parameters["ConfigurationRecorderName"]

    def read() -> bool:
        found = call(client.describe_configuration_recorder_status, ConfigurationRecorderNames=[recorder])
        return any(each["recording"] for each in found["ConfigurationRecordersStatus"])

    return setting(
        attempt, "recording", read, True,
        attempt.undo("stop_configuration_recorder", ConfigurationRecorderName=recorder), before=read())


SWITCHES: Mapping[tuple[str, str], Plan] = {
    ("kms", "enable_key_rotation"): _rotation,
    ("cloudtrail", "start_logging"): _logging,
    ("config", "start_configuration_recorder"): _recording,
}
"""By boto3's names of service and operation."""
