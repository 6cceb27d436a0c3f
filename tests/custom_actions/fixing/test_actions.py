"""The actions through c7n, against moto: what test_realtime cannot bring about, such as a history without an answer."""
from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from custom_actions.fixing.journal import JOURNAL
from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.moto_server import ACCOUNT

from .cloud import Cloud, event, policy, receipts, record


def push(tmp_path: Path, resource: str, action: Any, made: dict[str, Any], ids: str = "recipientAccountId") -> None:
    service = made["eventSource"].partition(".")[0]
    engine.push(policy(resource, action, service, (made["eventName"], ids)), tmp_path, event(made))


def test_a_flow_log_that_nobody_knows_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    made = record("DeleteFlowLogs", {"DeleteFlowLogsRequest": {"FlowLogId": {"content": "fl-1", "tag": 1}}},
                  {"DeleteFlowLogsResponse": {"unsuccessful": ""}}, source="ec2")
    push(tmp_path, "account", "recreate-flow-log", made)
    [receipt] = receipts(tmp_path, "recreate-flow-log")
    assert (receipt["resource"], receipt["resource_type"]) == ("fl-1", "aws.flow-log")
    assert (receipt["outcome"], receipt["reason"]) == ("refused", "its settings are in no event")
    assert cloud.changes() == []


def test_a_history_that_is_denied_is_a_failure_not_an_answer(cloud: Cloud, tmp_path: Path) -> None:
    cloud.denied.add("LookupEvents")
    made = record("DeleteFlowLogs", {"DeleteFlowLogsRequest": {"FlowLogId": {"content": "fl-1", "tag": 1}}},
                  {"DeleteFlowLogsResponse": {"unsuccessful": ""}}, source="ec2")
    with pytest.raises(FixIncomplete, match="AccessDenied"):
        push(tmp_path, "account", "recreate-flow-log", made)


def test_a_flow_log_comes_back_with_what_the_history_tells(cloud: Cloud, tmp_path: Path) -> None:
    vpc = cloud.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    cloud.history = [record("CreateFlowLogs", {"CreateFlowLogsRequest": {
        "ResourceId": {"content": vpc, "tag": 1}, "ResourceType": "VPC", "TrafficType": "REJECT",
        "LogGroupName": "flow", "DeliverLogsPermissionArn": f"arn:aws:iam::{ACCOUNT}:role/flow",
    }}, {"CreateFlowLogsResponse": {"flowLogIdSet": {"item": "fl-1"}}}, source="ec2", minutes_ago=60)]
    made = record("DeleteFlowLogs", {"DeleteFlowLogsRequest": {"FlowLogId": {"content": "fl-1", "tag": 1}}},
                  {"DeleteFlowLogsResponse": {"unsuccessful": ""}}, source="ec2")
    push(tmp_path, "account", "recreate-flow-log", made)
    [flow_log] = cloud.client("ec2").describe_flow_logs()["FlowLogs"]
    assert (flow_log["ResourceId"], flow_log["TrafficType"], flow_log["LogGroupName"]) == (vpc, "REJECT", "flow")
    [receipt] = receipts(tmp_path, "recreate-flow-log")
    assert receipt["inverse"] == [
        {"service": "ec2", "operation": "delete_flow_logs", "parameters": {"FlowLogIds": [flow_log["FlowLogId"]]}}]


def test_the_journal_names_what_the_fix_changes_not_the_account(cloud: Cloud, tmp_path: Path) -> None:
    """So that `rollback` accepts the open step of a killed process."""
    push(tmp_path, "account", "revert-detector", record("DeleteDetector", {"detectorId": "d"}, source="guardduty"))
    [journal] = tmp_path.rglob(JOURNAL)
    begun = json.loads(journal.read_text(encoding="utf-8").splitlines()[0])
    assert begun["begins"]
    assert (begun["resource"], begun["resource_type"]) == ("d", "aws.guardduty-detector")


def test_a_password_that_somebody_else_deleted_is_already_ok(cloud: Cloud, tmp_path: Path) -> None:
    """The plan may read past an absent setting; it is not what could not be read."""
    cloud.client("iam").create_user(UserName="one")
    engine.pull({
        "name": "p", "resource": "aws.iam-user", "actions": [{"type": "delete", "options": ["console-access"]}],
    }, tmp_path)
    [receipt] = json.loads((tmp_path / "p/action-delete").read_text(encoding="utf-8"))
    assert (receipt["outcome"], receipt["reason"]) == ("already-ok", "")


def test_a_deleted_detector_has_its_features_again(cloud: Cloud, tmp_path: Path) -> None:
    cloud.history = [record(
        "CreateDetector", {"enable": True, "findingPublishingFrequency": "ONE_HOUR",
                           "features": [{"name": "S3_DATA_EVENTS", "status": "ENABLED"}]},
        {"detectorId": "d"}, source="guardduty", minutes_ago=60)]
    push(tmp_path, "account", "revert-detector", record("DeleteDetector", {"detectorId": "d"}, source="guardduty"))
    guardduty = cloud.client("guardduty")
    [made] = guardduty.list_detectors()["DetectorIds"]
    found = guardduty.get_detector(DetectorId=made)
    assert (found["Status"], found["FindingPublishingFrequency"]) == ("ENABLED", "ONE_HOUR")
    [feature] = [each for each in found["Features"] if each["Name"] == "S3_DATA_EVENTS"]
    assert feature["Status"] == "ENABLED"


def test_a_detector_without_a_history_has_the_defaults(cloud: Cloud, tmp_path: Path) -> None:
    cloud.denied.add("LookupEvents")
    push(tmp_path, "account", "revert-detector", record("DeleteDetector", {"detectorId": "d"}, source="guardduty"))
    assert len(cloud.client("guardduty").list_detectors()["DetectorIds"]) == 1
    [receipt] = receipts(tmp_path, "revert-detector")
    assert receipt["outcome"] == "reverted"
    assert any("AccessDenied" in note for note in receipt["notes"])


def test_an_update_that_does_not_suspend_is_left(cloud: Cloud, tmp_path: Path) -> None:
    detector = cloud.client("guardduty").create_detector(Enable=False)["DetectorId"]
    cloud.calls.clear()
    made = record("UpdateDetector", {"detectorId": detector, "findingPublishingFrequency": "ONE_HOUR"},
                  source="guardduty")
    push(tmp_path, "account", "revert-detector", made)
    assert cloud.changes() == []


def test_a_recorder_that_nobody_knows_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    made = record("DeleteConfigurationRecorder", {"configurationRecorderName": "default"}, source="config")
    push(tmp_path, "account", "revert-recorder", made)
    [receipt] = receipts(tmp_path, "revert-recorder")
    assert (receipt["resource"], receipt["outcome"]) == ("default", "refused")


@pytest.mark.parametrize(("history", "denied", "expected"), [
    (("DisableKey", 60), False, "Disabled"), (("DisableKey", 5), False, "Enabled"), (None, False, "Enabled"),
    # A key whose past is not known is still kept from being deleted; it is not enabled, for nothing confirms the event.
    (("DisableKey", 60), True, "Disabled"),
])
def test_a_key_is_kept_as_it_was(
    cloud: Cloud, tmp_path: Path, history: tuple[str, float] | None, denied: bool, expected: str
) -> None:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]
    other = record("DisableKey", {"keyId": "another"}, minutes_ago=90)
    cloud.history = [other] + [
        record(name, {"keyId": key["Arn"]}, minutes_ago=minutes) for name, minutes in filter(None, [history])]
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    if denied:
        cloud.denied.add("LookupEvents")
    made = record("ScheduleKeyDeletion", {"keyId": key["KeyId"], "pendingWindowInDays": 7})
    with pytest.raises(FixIncomplete) if denied else nullcontext():
        push(tmp_path, "kms-key", "revert-key", made, "requestParameters.keyId")
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == expected
    [receipt] = receipts(tmp_path, "revert-key")
    assert receipt["outcome"] == ("partial" if denied else "reverted")
    assert any("AccessDenied" in note for note in receipt["notes"]) is denied
    assert receipt["inverse"][-1]["parameters"]["PendingWindowInDays"] == 7


def test_only_the_new_key_is_disabled(cloud: Cloud, tmp_path: Path) -> None:
    iam = cloud.client("iam")
    iam.create_user(UserName="ann")
    old, new = (iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"] for _ in range(2))
    made = record("CreateAccessKey", {"userName": "ann"}, {"accessKey": {"accessKeyId": new, "userName": "ann"}},
                  source="iam")
    push(tmp_path, "iam-user", "disable-created-key", made, "responseElements.accessKey.userName")
    keys = {key["AccessKeyId"]: key["Status"] for key in iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]}
    assert keys == {old: "Active", new: "Inactive"}
    [receipt] = receipts(tmp_path, "disable-created-key")
    assert receipt["inverse"][0]["parameters"] == {"UserName": "ann", "AccessKeyId": new, "Status": "Active"}


@pytest.mark.parametrize("denied", ["DescribeSnapshotAttribute", "ModifySnapshotAttribute"])
def test_a_snapshot_that_cannot_be_read_or_changed_is_a_failure(cloud: Cloud, tmp_path: Path, denied: str) -> None:
    ec2 = cloud.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", GroupNames=["all"])
    cloud.denied.add(denied)
    made = record("ModifySnapshotAttribute", {"snapshotId": snapshot}, source="ec2")
    with pytest.raises(FixIncomplete, match="AccessDenied"):
        push(tmp_path, "ebs-snapshot", "revert-sharing", made, "requestParameters.snapshotId")


def test_a_denied_look_at_a_snapshot_is_raised_by_the_filter(cloud: Cloud, tmp_path: Path) -> None:
    ec2 = cloud.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    ec2.create_snapshot(VolumeId=volume)
    cloud.denied.add("DescribeSnapshotAttribute")
    data = {"name": "x", "resource": "aws.ebs-snapshot", "filters": ["shared-outside"]}
    with pytest.raises(Exception, match="AccessDenied"):
        engine.pull(data, tmp_path)


def test_a_bucket_that_its_block_does_not_close_is_not_called_closed(cloud: Cloud, tmp_path: Path) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="wide", ACL="public-read")
    s3.put_bucket_policy(Bucket="wide", Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Sid": "Wide", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::wide/*",
        "Condition": {"IpAddress": {"aws:SourceIp": [f"{number}.0.0.0/8" for number in range(1, 100)]}}}]}))
    cloud.calls.clear()
    made = record("PutBucketPolicy", {"bucketName": "wide"}, source="s3")
    with pytest.raises(FixIncomplete, match=r"does not close this, correct the bucket policy.*Wide"):
        push(tmp_path, "s3", "close-bucket", made, "requestParameters.bucketName")
    [receipt] = receipts(tmp_path, "close-bucket")
    assert receipt["outcome"] == "partial"
    assert cloud.changes() == ["PutBucketAcl", "PutPublicAccessBlock"]
