"""The decisions, without AWS: what each fix would do in which state."""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from custom_actions.elements.guardduty import detector
from custom_actions.elements.kms import key as kms_key
from custom_actions.elements.rds.public_access import plan_database
from custom_actions.elements.recording import recorder
from custom_actions.elements.s3 import close_bucket as bucket
from custom_actions.elements.s3.public import address_openings
from custom_actions.elements.sharing import revert as sharing
from custom_actions.elements.vpc import flow_log
from custom_actions.fixing.engine import FixPlan
from custom_actions.fixing.receipt import Call

from .cloud import record


def operations(plan: FixPlan) -> list[str]:
    return [step.call.operation for step in plan.steps]


# -- KMS --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("event", "state", "enabled_before", "expected"), [
    ("DisableKey", "Disabled", True, ["enable_key"]),
    ("DisableKey", "Enabled", True, []),
    ("DisableKey", "PendingDeletion", True, []),   # the deletion has an event of its own
    ("ScheduleKeyDeletion", "PendingDeletion", True, ["cancel_key_deletion", "enable_key"]),
    ("ScheduleKeyDeletion", "PendingDeletion", False, ["cancel_key_deletion"]),
    ("ScheduleKeyDeletion", "Disabled", True, ["enable_key"]),   # somebody has cancelled it
    ("ScheduleKeyDeletion", "Disabled", False, []),
    ("ScheduleKeyDeletion", "Enabled", True, []),
])
def test_a_key(event: str, state: str, enabled_before: bool, expected: list[str]) -> None:
    plan = kms_key.plan_key(event, kms_key.Key("k", state), was_enabled=enabled_before)
    assert operations(plan) == expected


def test_the_way_back_waits_as_long_as_the_deletion_did() -> None:
    [cancel, _] = kms_key.plan_key("ScheduleKeyDeletion", kms_key.Key("k", "PendingDeletion", delay=7)).steps
    assert cancel.inverse == Call("kms", "schedule_key_deletion", {"KeyId": "k", "PendingWindowInDays": 7})


def test_rotation_has_its_earlier_period() -> None:
    [step] = kms_key.plan_key("DisableKeyRotation", kms_key.Key("k", rotates=False), period=180).steps
    assert step.call.parameters == {"KeyId": "k", "RotationPeriodInDays": 180}
    [step] = kms_key.plan_key("DisableKeyRotation", kms_key.Key("k", rotates=False)).steps
    assert step.call.parameters == {"KeyId": "k"}
    assert not kms_key.plan_key("DisableKeyRotation", kms_key.Key("k", rotates=True)).steps


@pytest.mark.parametrize(("earlier", "expected"), [
    ([], True),
    ([("DisableKey", 60 * 24)], False),
    ([("DisableKey", 5)], True),                             # the first step of the same deletion
    ([("DisableKey", 5), ("DisableKey", 60 * 24)], False),   # disabled again, for good measure
    ([("DisableKey", 5), ("EnableKey", 60), ("DisableKey", 60 * 24)], True),
    ([("EnableKey", 60)], True),
])
def test_whether_a_key_was_enabled(earlier: list[tuple[str, float]], expected: bool) -> None:
    history = [record(name, minutes_ago=minutes) for name, minutes in earlier]
    assert kms_key.was_enabled(record("ScheduleKeyDeletion"), history) is expected


# -- sharing ----------------------------------------------------------------------------------------------------

ORGANIZATION = "arn:aws:organizations::111122223333:organization/o-example"
UNIT = "arn:aws:organizations::111122223333:ou/o-example/ou-exam-ple12345"


@pytest.mark.parametrize(("parties", "allowed", "expected"), [
    (["all", "111122223333"], [], ["all"]),
    (["111122223333"], [], []),
    (["111122223333", "444455556666"], ["111122223333"], ["444455556666"]),
    ([ORGANIZATION, "111122223333"], [ORGANIZATION], ["111122223333"]),
    (["all"], ["all"], ["all"]),   # everyone cannot be allowed
])
def test_outside_parties(parties: list[str], allowed: list[str], expected: list[str]) -> None:
    assert sharing.outside_parties(parties, allowed) == expected


def test_every_kind_of_party_has_its_parameter() -> None:
    [step] = sharing.plan_sharing(
        sharing.KINDS["ami"], "ami-1", ["all", "111122223333", ORGANIZATION, UNIT], ["444455556666"]).steps
    parties = [
        {"Group": "all"}, {"UserId": "111122223333"}, {"OrganizationArn": ORGANIZATION},
        {"OrganizationalUnitArn": UNIT},
    ]
    assert step.call.parameters["LaunchPermission"] == {"Remove": parties}
    assert isinstance(step.inverse, Call)
    assert step.inverse.parameters["LaunchPermission"] == {"Add": parties}


# -- databases --------------------------------------------------------------------------------------------------


def test_a_database_that_is_being_created_is_for_later() -> None:
    public = {"DBInstanceIdentifier": "db", "PubliclyAccessible": True}
    assert operations(plan_database({**public, "DBInstanceStatus": "available"})) == ["modify_db_instance"]
    assert plan_database({**public, "DBInstanceStatus": "creating"}).cannot
    assert plan_database({**public, "PubliclyAccessible": False, "DBInstanceStatus": "creating"}) == FixPlan()


@pytest.mark.parametrize(("engine", "refused"), [
    ("mysql", True), ("postgres", True), ("aurora-postgresql", False), ("neptune", False),
])
def test_an_instance_of_a_multi_az_cluster_cannot_be_modified(engine: str, refused: bool) -> None:
    plan = plan_database({
        "DBInstanceIdentifier": "db", "PubliclyAccessible": True, "DBInstanceStatus": "available",
        "DBClusterIdentifier": "cluster", "Engine": engine})
    assert bool(plan.cannot) is refused
    assert bool(plan.steps) is not refused


@pytest.mark.parametrize(("described", "owner"), [
    ({"OwnerId": "222222222222"}, "222222222222"),
    ({"DBSnapshotArn": "arn:aws:rds:us-east-1:222222222222:snapshot:s"}, "222222222222"),
    ({"DBClusterSnapshotArn": "arn:aws:rds:us-east-1:222222222222:cluster-snapshot:s"}, "222222222222"),
    ({}, ""),
])
def test_who_owns_a_snapshot(described: dict[str, str], owner: str) -> None:
    assert sharing.owner_of(described) == owner


# -- buckets ----------------------------------------------------------------------------------------------------

OWNER = {"Grantee": {"Type": "CanonicalUser", "ID": "me"}, "Permission": "FULL_CONTROL"}
GROUPS = "http://acs.amazonaws.com/groups"
EVERYONE = {"Grantee": {"Type": "Group", "URI": f"{GROUPS}/global/AllUsers"}, "Permission": "READ"}
LOGS = {"Grantee": {"Type": "Group", "URI": f"{GROUPS}/s3/LogDelivery"}, "Permission": "WRITE"}


def test_a_bucket_keeps_the_grants_that_are_no_strangers() -> None:
    plan = bucket.plan_bucket("b", {}, {"Owner": {"ID": "me"}, "Grants": [OWNER, EVERYONE, LOGS]})
    assert operations(plan) == ["put_bucket_acl", "put_public_access_block"]
    assert plan.steps[0].call.parameters["AccessControlPolicy"]["Grants"] == [OWNER, LOGS]
    assert plan.steps[0].removed == {"Grants": [EVERYONE]}


@pytest.mark.parametrize(("block", "back"), [
    ({}, Call("s3", "delete_public_access_block", {"Bucket": "b"})),
    ({**bucket.BLOCK, "BlockPublicAcls": False}, Call("s3", "put_public_access_block", {
        "Bucket": "b", "PublicAccessBlockConfiguration": {**bucket.BLOCK, "BlockPublicAcls": False}})),
])
def test_the_earlier_block_comes_back(block: Mapping[str, Any], back: Call) -> None:
    [step] = bucket.plan_bucket("b", block, {"Owner": {"ID": "me"}, "Grants": [OWNER]}).steps
    assert step.inverse == back


def test_what_a_block_does_not_close_is_said() -> None:
    document = json.dumps({"Statement": [{
        "Sid": "Wide", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Condition": {"IpAddress": {"aws:SourceIp": [f"{number}.0.0.0/8" for number in range(1, 100)]}}}]})
    openings = address_openings(document)
    plan = bucket.plan_bucket("b", bucket.BLOCK, {"Owner": {"ID": "me"}, "Grants": [OWNER]}, openings)
    assert not plan.steps
    assert "does not close this" in plan.cannot and "Wide" in plan.cannot


def test_a_closed_bucket_is_left() -> None:
    assert not bucket.plan_bucket("b", bucket.BLOCK, {"Owner": {"ID": "me"}, "Grants": [OWNER]}).steps


# -- flow logs --------------------------------------------------------------------------------------------------


def test_what_a_flow_log_was_from_a_call_for_two_resources() -> None:
    made = record("CreateFlowLogs", {"CreateFlowLogsRequest": {
        "ResourceId": [{"content": "subnet-1", "tag": 1}, {"content": "subnet-2", "tag": 2}],
        "ResourceType": "Subnet", "TrafficType": "ALL", "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::b",
        "MaxAggregationInterval": "60", "ClientToken": "x",
        "TagSpecification": {
            "ResourceType": "vpc-flow-log", "Tag": {"Key": "team", "Value": "net", "tag": 1}, "tag": 1,
        },
    }}, {"CreateFlowLogsResponse": {"flowLogIdSet": {"item": ["fl-1", "fl-2"]}, "unsuccessful": ""}}, source="ec2")
    assert flow_log.made_by(made, "fl-2") == {
        "ResourceIds": ["subnet-2"], "ResourceType": "Subnet", "TrafficType": "ALL", "LogDestinationType": "s3",
        "LogDestination": "arn:aws:s3:::b", "MaxAggregationInterval": 60,
        "TagSpecifications": [{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "team", "Value": "net"}]}],
    }
    assert flow_log.made_by(made, "fl-3") is None


def test_a_call_that_failed_in_part_tells_nothing() -> None:
    """Its ids cannot be laid beside its resources."""
    made = record("CreateFlowLogs", {"CreateFlowLogsRequest": {
        "ResourceId": [{"content": "vpc-1", "tag": 1}, {"content": "vpc-2", "tag": 2}], "ResourceType": "VPC",
    }}, {"CreateFlowLogsResponse": {"flowLogIdSet": {"item": "fl-1"}}})
    assert flow_log.made_by(made, "fl-1") is None


def test_which_flow_logs_were_deleted() -> None:
    def deleted(request: Any, unsuccessful: Any = "") -> list[str]:
        return flow_log.deleted_ids(record(
            "DeleteFlowLogs", {"DeleteFlowLogsRequest": {"FlowLogId": request}},
            {"DeleteFlowLogsResponse": {"unsuccessful": unsuccessful}}))

    assert deleted({"content": "fl-1", "tag": 1}) == ["fl-1"]
    both = [{"content": "fl-1", "tag": 1}, {"content": "fl-2", "tag": 2}]
    assert deleted(both) == ["fl-1", "fl-2"]
    assert deleted(both, {"item": {"resourceId": "fl-1", "error": {}}}) == ["fl-2"]


@pytest.mark.parametrize(("now", "expected"), [
    ([], ["create_flow_logs"]),
    ([{"FlowLogId": "fl-2", "LogGroupName": "g", "TrafficType": "ALL"}], []),
    ([{"FlowLogId": "fl-2", "LogGroupName": "other", "TrafficType": "ALL"}], ["create_flow_logs"]),
    ([{"FlowLogId": "fl-2", "LogGroupName": "g", "TrafficType": "REJECT"}], ["create_flow_logs"]),
])
def test_an_equal_flow_log_is_not_made_twice(now: list[dict[str, str]], expected: list[str]) -> None:
    """A log group may be named by its ARN, and is shown by its name."""
    wanted = {
        "ResourceIds": ["vpc-1"], "TrafficType": "ALL",
        "LogDestination": "arn:aws:logs:us-east-1:123456789012:log-group:g:*",
    }
    equal: list[str] = []
    assert operations(flow_log.plan_flow_log(wanted, now, equal)) == expected
    assert equal == ([] if expected else ["fl-2"])


def test_a_flow_log_whose_id_was_lost_is_deleted_by_the_id_that_is_found() -> None:
    wanted, equal = {"ResourceIds": ["vpc-1"], "TrafficType": "ALL", "LogGroupName": "g"}, list[str]()
    [step] = flow_log.plan_flow_log(wanted, [], equal).steps
    assert step.undo({}) == []
    assert step.undo({"FlowLogIds": ["fl-1"]})[0].parameters == {"FlowLogIds": ["fl-1"]}
    flow_log.plan_flow_log(wanted, [{"FlowLogId": "fl-2", "TrafficType": "ALL", "LogGroupName": "g"}], equal)
    assert step.undo({})[0].parameters == {"FlowLogIds": ["fl-2"]}


# -- AWS Config -------------------------------------------------------------------------------------------------

PUT = {
    "PutConfigurationRecorder": {"name": "r", "roleARN": "arn:aws:iam::123456789012:role/config"},
    "PutDeliveryChannel": {"name": "c", "s3BucketName": "b"},
}


@pytest.mark.parametrize(("now", "known", "expected", "cannot"), [
    (recorder.Recording("r", True, "c"), PUT, [], ""),
    (recorder.Recording("r", False, "c"), {}, ["start_configuration_recorder"], ""),
    (recorder.Recording(None, False, "c"), PUT, ["put_configuration_recorder", "start_configuration_recorder"], ""),
    (recorder.Recording(None, False, None), PUT,
     ["put_configuration_recorder", "put_delivery_channel", "start_configuration_recorder"], ""),
    (recorder.Recording(None, False, "c"), {}, [], "the recorder"),
    # Without a channel it would not start.
    (recorder.Recording("r", False, None), {}, [], "the delivery channel"),
    (recorder.Recording(None, False, None), {}, [], "the recorder and the delivery channel"),
])
def test_the_recorder(now: recorder.Recording, known: dict[str, Any], expected: list[str], cannot: str) -> None:
    plan = recorder.plan_recorder(now, known.get)
    assert operations(plan) == expected
    assert plan.cannot == (f"no earlier event contains {cannot}" if cannot else "")


# -- GuardDuty --------------------------------------------------------------------------------------------------


def test_a_detector() -> None:
    assert operations(detector.plan_detector({"d": "ENABLED"}, "UpdateDetector", {})) == []
    [step] = detector.plan_detector({"d": "DISABLED"}, "UpdateDetector", {}).steps
    assert step.call == Call("guardduty", "update_detector", {"DetectorId": "d", "Enable": True})
    plan = detector.plan_detector({}, "DeleteDetector", {"Tags": {"team": "sec"}})
    assert plan.steps[0].call.parameters == {"Tags": {"team": "sec"}, "Enable": True}
    assert list(plan.notes) == [detector.LOST]
    assert "defaults" in detector.plan_detector({}, "DeleteDetector", {}).notes[1]
    [step] = plan.steps
    assert step.undo({}) == []
    assert step.undo({"DetectorId": "d"}) == [Call("guardduty", "delete_detector", {"DetectorId": "d"})]
    [step] = detector.plan_detector({}, "DeleteDetector", {}, lambda: "e").steps
    assert step.undo({}) == [Call("guardduty", "delete_detector", {"DetectorId": "e"})]


def test_what_a_detector_was() -> None:
    def feature(name: str, status: str) -> dict[str, str]:
        return {"name": name, "status": status}

    deletion = record("DeleteDetector", {"detectorId": "d"}, source="guardduty")
    history = [
        # Younger than a quarter of an hour: perhaps a step of the same attack.
        record("UpdateDetector", {"detectorId": "d", "features": [feature("S3", "DISABLED")]}, minutes_ago=5),
        record("UpdateDetector", {"detectorId": "other", "findingPublishingFrequency": "ONE_HOUR"}, minutes_ago=60),
        record("UpdateDetector", {"detectorId": "d", "findingPublishingFrequency": "FIFTEEN_MINUTES",
                                  "features": [feature("EKS", "ENABLED")]}, minutes_ago=90),
        record("CreateDetector", {"enable": True, "findingPublishingFrequency": "SIX_HOURS", "tags": {"team": "sec"},
                                  "features": [feature("S3", "ENABLED"), feature("EKS", "DISABLED")]},
               {"detectorId": "d"}, minutes_ago=600),
        record("CreateDetector", {"enable": True}, {"detectorId": "older"}, minutes_ago=6000),
    ]
    settings = detector.settings_of("d", deletion, history)
    features = {each["Name"]: each["Status"] for each in settings.pop("Features")}
    assert features == {"S3": "ENABLED", "EKS": "ENABLED"}
    assert settings == {
        "Enable": True, "FindingPublishingFrequency": "FIFTEEN_MINUTES", "Tags": {"team": "sec"},
    }
    assert detector.settings_of("unknown", deletion, history) == {}
