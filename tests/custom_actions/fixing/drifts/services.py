"""Keys, flow logs, recorders and detectors that an event has changed."""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.moto_server import ACCOUNT

from ..cloud import Cloud, event, policy, record
from ..faults import Drift, State
from .scenarios import ONE_A_REGION, ONE_EVENT, drifts


@drifts("kms-key", "revert-key", "deleted")
def deleted_key(cloud: Cloud) -> Drift:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    made = record("ScheduleKeyDeletion", {"keyId": key, "pendingWindowInDays": 7})
    cloud.history = [record("EnableKey", {"keyId": key}, minutes_ago=60)]
    return Drift(
        policy("kms-key", "revert-key", "kms", ("ScheduleKeyDeletion", "requestParameters.keyId")), [key],
        lambda: {key: kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]},
        lambda state: set() if state == "Enabled" else {"not enabled"} | (
            {"to be deleted"} if state == "PendingDeletion" else set()),
        event(made), ONE_EVENT)


@drifts("kms-key", "revert-key", "disabled")
def disabled_key(cloud: Cloud) -> Drift:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    return Drift(
        policy("kms-key", "revert-key", "kms", ("DisableKey", "requestParameters.keyId")), [key],
        lambda: {key: kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]},
        lambda state: set() if state == "Enabled" else {"not enabled"},
        event(record("DisableKey", {"keyId": key})), ONE_EVENT)


@drifts("kms-key", "revert-key", "rotation")
def rotation(cloud: Cloud) -> Drift:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    return Drift(
        policy("kms-key", "revert-key", "kms", ("DisableKeyRotation", "requestParameters.keyId")), [key],
        lambda: {key: kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]},
        lambda on: set() if on else {"does not rotate"},
        event(record("DisableKeyRotation", {"keyId": key})), ONE_EVENT)


@drifts("account", "recreate-flow-log")
def flow_logs(cloud: Cloud) -> Drift:
    ec2 = cloud.client("ec2")
    vpcs = {f"fl-{number}": ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"] for number in (1, 2)}
    cloud.history = [record("CreateFlowLogs", {"CreateFlowLogsRequest": {
        "ResourceId": {"content": vpc, "tag": 1}, "ResourceType": "VPC", "TrafficType": "REJECT",
        "LogGroupName": "flow", "DeliverLogsPermissionArn": f"arn:aws:iam::{ACCOUNT}:role/flow",
    }}, {"CreateFlowLogsResponse": {"flowLogIdSet": {"item": name}}}, source="ec2", minutes_ago=60)
        for name, vpc in vpcs.items()]
    made = record(
        "DeleteFlowLogs", {"DeleteFlowLogsRequest": {"FlowLogId": [
            {"content": name, "tag": number} for number, name in enumerate(vpcs, start=1)]}},
        {"DeleteFlowLogsResponse": {"unsuccessful": ""}}, source="ec2")

    def state() -> State:
        found = ec2.describe_flow_logs()["FlowLogs"]
        return {name: [[each["TrafficType"], each["LogGroupName"]] for each in found if each["ResourceId"] == vpc]
                for name, vpc in vpcs.items()}

    def concerns(parameters: Mapping[str, Any]) -> set[str]:
        return {name for name, vpc in vpcs.items() if vpc in json.dumps(parameters, default=str)}

    return Drift(
        policy("account", "recreate-flow-log", "ec2", ("DeleteFlowLogs", "recipientAccountId")), list(vpcs), state,
        lambda found: set() if len(found) == 1 else {f"{len(found)} flow logs"}, event(made), concerns=concerns)


@drifts("account", "revert-recorder")
def recorder(cloud: Cloud) -> Drift:
    config = cloud.client("config")
    role = f"arn:aws:iam::{ACCOUNT}:role/config"
    group = {"allSupported": False, "includeGlobalResourceTypes": False, "resourceTypes": ["AWS::EC2::VPC"]}
    cloud.client("s3").create_bucket(Bucket="recorded")
    cloud.history = [
        record("PutConfigurationRecorder", {"configurationRecorder": {
            "name": "default", "roleARN": role, "recordingGroup": group}}, source="config", minutes_ago=60),
        record("PutDeliveryChannel", {"deliveryChannel": {"name": "default", "s3BucketName": "recorded"}},
               source="config", minutes_ago=60),
    ]

    def state() -> State:
        return {"default": {
            "recorders": config.describe_configuration_recorders()["ConfigurationRecorders"],
            "channels": config.describe_delivery_channels()["DeliveryChannels"],
            "recording": [each["recording"] for each in
                          config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]],
        }}

    def wrong(found: Any) -> set[str]:
        return {key for key in ("recorders", "channels") if len(found[key]) != 1} | (
            set() if found["recording"] == [True] else {"recording"})

    return Drift(
        policy("account", "revert-recorder", "config", ("DeleteConfigurationRecorder", "recipientAccountId")),
        ["default"], state, wrong,
        event(record("DeleteConfigurationRecorder", {"configurationRecorderName": "default"}, source="config")),
        ONE_A_REGION)


def _detector(cloud: Cloud, name: str, made: Mapping[str, Any]) -> Drift:
    guardduty = cloud.client("guardduty")

    def state() -> State:
        found = [guardduty.get_detector(DetectorId=each) for each in guardduty.list_detectors()["DetectorIds"]]
        return {name: [[each["Status"], each.get("FindingPublishingFrequency")] for each in found]}

    return Drift(
        policy("account", "revert-detector", "guardduty", (str(made["eventName"]), "recipientAccountId")),
        [name], state,
        lambda found: set() if [status for status, _ in found] == ["ENABLED"] else {f"detectors: {len(found)}"},
        event(made), ONE_A_REGION)


@drifts("account", "revert-detector", "deleted")
def deleted_detector(cloud: Cloud) -> Drift:
    cloud.history = [record(
        "CreateDetector", {"enable": True, "findingPublishingFrequency": "ONE_HOUR"}, {"detectorId": "d"},
        source="guardduty", minutes_ago=60)]
    return _detector(cloud, "d", record("DeleteDetector", {"detectorId": "d"}, source="guardduty"))


@drifts("account", "revert-detector", "suspended")
def suspended_detector(cloud: Cloud) -> Drift:
    name = cloud.client("guardduty").create_detector(Enable=False)["DetectorId"]
    return _detector(cloud, name, record("UpdateDetector", {"detectorId": name, "enable": False}, source="guardduty"))
