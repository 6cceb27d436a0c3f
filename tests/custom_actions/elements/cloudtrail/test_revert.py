"""`revert-trail` and `deleted-trail` through c7n, against moto.

moto has no LookupEvents: that one API is answered here, from records that a test writes down. All else is moto's.
"""
from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError

from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

from .records import ARN, KEY, NOW, OTHER_KEY, OWN_ROLE, answer, create, record, select, update

DEFAULT = [{
    "ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [], "ExcludeManagementEventSources": [],
}]
DATA_ONLY = [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": False}]
ADVANCED = [{"Name": "all", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]


DELIVERED: dict[str, Mapping[str, Any]] = {}
"""Events that the event history has, by id."""


class Cloud:
    """A trail in moto, CloudTrail's event history, and errors on demand."""

    def __init__(self, moto: Moto) -> None:
        self.client = moto.client("cloudtrail")
        moto.client("s3").create_bucket(Bucket="logs")
        self.history: list[dict[str, Any]] = []
        self.lookups = 0
        self.answers: dict[str, dict[str, Any]] = {}
        self.failing: dict[str, Callable[[dict[str, Any]], ClientError | None]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def make(self, **settings: Any) -> None:
        self.client.create_trail(**{
            "Name": "audit", "S3BucketName": "logs", "IsMultiRegionTrail": True, "EnableLogFileValidation": True,
            "KmsKeyId": KEY, **settings,
        })
        self.client.start_logging(Name="audit")

    def trail(self) -> dict[str, Any]:
        return self.client.describe_trails()["trailList"][0]

    def changes(self) -> list[str]:
        return [name for name, _ in self.calls if not name.startswith(("Get", "Describe", "Lookup", "List"))]

    def answer(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
        """What stands in for AWS; None to let moto answer."""
        self.calls.append((operation, parameters))
        if (refuse := self.failing.get(operation)) and (error := refuse(parameters)):
            raise error
        if operation != "LookupEvents":
            return self.answers.get(operation)
        [attribute] = parameters["LookupAttributes"]
        if attribute["AttributeKey"] == "EventId":
            known = DELIVERED.get(attribute["AttributeValue"])
            return {"Events": [{"CloudTrailEvent": json.dumps(known)}] if known else []}
        assert attribute["AttributeKey"] == "EventName"
        self.lookups += 1
        found = sorted((
            made for made in self.history
            if made["eventName"] == attribute["AttributeValue"]
            and datetime.fromisoformat(made["eventTime"]) <= parameters["EndTime"]
        ), key=lambda made: made["eventTime"], reverse=True)
        start = int(parameters.get("NextToken", 0))
        page = {"Events": [{"CloudTrailEvent": json.dumps(made)} for made in found[start:start + 2]]}
        return {**page, "NextToken": str(start + 2)} if len(found) > start + 2 else page


@pytest.fixture
def cloud(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = Cloud(moto)
    real = BaseClient._make_api_call

    def intercept(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if client is made.client:
            return real(client, operation, parameters)
        stand_in = made.answer(operation, parameters)
        return real(client, operation, parameters) if stand_in is None else stand_in

    monkeypatch.setattr(BaseClient, "_make_api_call", intercept)
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    monkeypatch.setattr("custom_actions.fixing.confirmation._now", lambda: NOW)
    return made


def refused(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"no {operation} today"}}, operation)


def policy(event: str = "UpdateTrail", **action: Any) -> dict[str, Any]:
    ids = "requestParameters.trailName" if event == "PutEventSelectors" else "requestParameters.name"
    return {
        "name": "p", "resource": "aws.cloudtrail",
        "mode": {
            "type": "cloudtrail", "role": f"arn:aws:iam::{ACCOUNT}:role/{OWN_ROLE}",
            "events": [{"source": "cloudtrail.amazonaws.com", "event": event, "ids": ids}],
        },
        "actions": [{"type": "revert-trail", **action}],
    }


def run(record_: Mapping[str, Any], output: Path, **action: Any) -> list[dict[str, Any]]:
    """Push the event and return the receipts."""
    event = {"detail-type": "AWS API Call via CloudTrail", "detail": dict(record_)}
    DELIVERED[record_["eventID"]] = record_
    try:
        engine.push(policy(record_["eventName"], **action), output, event)
    finally:
        written = output / "p" / "action-revert-trail"
        receipts = json.loads(written.read_text(encoding="utf-8")) if written.exists() else []
    return receipts


@pytest.mark.parametrize("name", ["audit", ARN])
def test_a_stopped_trail_is_started(cloud: Cloud, tmp_path: Path, name: str) -> None:
    cloud.make()
    cloud.client.stop_logging(Name="audit")

    [receipt] = run(record("StopLogging", {"Name": name}), tmp_path)

    assert cloud.client.get_trail_status(Name="audit")["IsLogging"]
    assert receipt["outcome"] == "reverted"
    assert receipt["resource"] == ARN
    assert (receipt["account"], receipt["region"], receipt["policy"]) == (ACCOUNT, REGION, "p")
    assert (receipt["removed"], receipt["added"]) == ([{"IsLogging": False}], [{"IsLogging": True}])
    assert receipt["inverse"] == [
        {"service": "cloudtrail", "operation": "stop_logging", "parameters": {"Name": ARN}}]
    assert receipt["caused_by"]["arn"].endswith("assumed-role/somebody/session")
    assert not cloud.lookups


def test_what_an_update_took_goes_back_and_the_inverse_takes_it_again(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make()
    cloud.history = [create()]
    cloud.client.update_trail(Name="audit", EnableLogFileValidation=False, KmsKeyId="", IsMultiRegionTrail=False)
    drifted = cloud.trail()

    [receipt] = run(update({"EnableLogFileValidation": False, "KmsKeyId": "", "IsMultiRegionTrail": False}), tmp_path)

    after = cloud.trail()
    assert (after["LogFileValidationEnabled"], after["KmsKeyId"], after["IsMultiRegionTrail"]) == (True, KEY, True)
    assert receipt["outcome"] == "reverted"
    assert receipt["added"] == [{"EnableLogFileValidation": True, "KmsKeyId": KEY, "IsMultiRegionTrail": True}]
    assert receipt["removed"] == [{"EnableLogFileValidation": False, "KmsKeyId": "", "IsMultiRegionTrail": False}]
    [call] = receipt["inverse"]
    getattr(boto3.client(call["service"]), call["operation"])(**call["parameters"])
    assert cloud.trail() == drifted


def test_a_foreign_key_is_taken_off_again(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make(KmsKeyId=OTHER_KEY)
    cloud.history = [create(KmsKeyId=None)]

    [receipt] = run(update({"KmsKeyId": OTHER_KEY}), tmp_path)

    assert cloud.trail()["KmsKeyId"] == ""
    assert receipt["outcome"] == "reverted"
    assert receipt["inverse"][0]["parameters"] == {"Name": ARN, "KmsKeyId": OTHER_KEY}


def test_a_long_history_of_other_trails_is_paged_through(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make(KmsKeyId="")
    other = [record("UpdateTrail", {"Name": "other"}, minutes_ago=30 + number) for number in range(5)]
    failed = update({"KmsKeyId": OTHER_KEY}, minutes_ago=31, KmsKeyId=OTHER_KEY)
    cloud.history = [*other, {**failed, "errorCode": "AccessDenied", "responseElements": None}, create()]

    run(update({"KmsKeyId": ""}), tmp_path)

    assert cloud.trail()["KmsKeyId"] == KEY


def test_declared_holds_and_the_rest_is_partial_without_a_past(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make(EnableLogFileValidation=False, KmsKeyId="")

    with pytest.raises(FixIncomplete, match="KmsKeyId"):
        run(update({"EnableLogFileValidation": False, "KmsKeyId": ""}), tmp_path,
            required={"EnableLogFileValidation": True})

    [receipt] = json.loads((tmp_path / "p" / "action-revert-trail").read_text(encoding="utf-8"))
    assert receipt["outcome"] == "partial"
    assert cloud.trail()["LogFileValidationEnabled"]
    assert cloud.trail()["KmsKeyId"] == ""


def test_without_a_past_and_a_declaration_it_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make(KmsKeyId="")
    [receipt] = run(update({"KmsKeyId": ""}), tmp_path)
    assert receipt["outcome"] == "refused"
    assert "KmsKeyId" in receipt["reason"]
    assert cloud.changes() == []


def test_a_history_that_cannot_be_read_fails_but_keeps_back_nothing(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make(EnableLogFileValidation=False, KmsKeyId="")
    cloud.failing["LookupEvents"] = lambda _: refused("AccessDeniedException", "LookupEvents")

    with pytest.raises(FixIncomplete, match="AccessDeniedException"):
        run(update({"EnableLogFileValidation": False, "KmsKeyId": ""}), tmp_path,
            required={"EnableLogFileValidation": True})

    assert cloud.trail()["LogFileValidationEnabled"]


def test_one_bad_setting_does_not_keep_back_the_others(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make(EnableLogFileValidation=False, KmsKeyId="")
    cloud.history = [create()]
    cloud.failing["UpdateTrail"] = lambda asked: (
        refused("KmsKeyDisabledException", "UpdateTrail") if "KmsKeyId" in asked else None)

    with pytest.raises(FixIncomplete, match="KmsKeyDisabledException"):
        run(update({"EnableLogFileValidation": False, "KmsKeyId": ""}), tmp_path)

    [receipt] = json.loads((tmp_path / "p" / "action-revert-trail").read_text(encoding="utf-8"))
    assert receipt["outcome"] == "partial"
    assert receipt["added"] == [{"EnableLogFileValidation": True}]
    assert "still to do: set KmsKeyId" in receipt["reason"]


def test_throttling_is_waited_out(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("c7n.utils.time.sleep", lambda _: None)
    cloud.make()
    cloud.client.stop_logging(Name="audit")
    throttled = iter([True, True])
    cloud.failing["StartLogging"] = lambda _: (
        refused("ThrottlingException", "StartLogging") if next(throttled, False) else None)

    [receipt] = run(record("StopLogging", {"Name": "audit"}), tmp_path)

    assert receipt["outcome"] == "reverted"
    assert cloud.changes() == ["StartLogging"] * 3


def test_a_change_that_does_not_show_is_failed(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make()
    cloud.client.stop_logging(Name="audit")
    cloud.failing["StartLogging"] = lambda _: refused("InsufficientEncryptionPolicyException", "StartLogging")

    with pytest.raises(FixIncomplete, match=r"failed: .*InsufficientEncryptionPolicy.*still to do: start logging"):
        run(record("StopLogging", {"Name": "audit"}), tmp_path)


def test_selectors_go_back(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make()
    cloud.history = [create(), select({"AdvancedEventSelectors": ADVANCED}, minutes_ago=60)]
    cloud.client.put_event_selectors(TrailName="audit", EventSelectors=DATA_ONLY)

    [receipt] = run(select({"EventSelectors": DATA_ONLY}), tmp_path)

    now = cloud.client.get_event_selectors(TrailName="audit")
    assert (now["EventSelectors"], now["AdvancedEventSelectors"]) == ([], ADVANCED)
    assert receipt["outcome"] == "reverted"
    assert receipt["added"] == [{"AdvancedEventSelectors": ADVANCED}]
    [call] = receipt["inverse"]
    boto3.client("cloudtrail").put_event_selectors(**call["parameters"])
    assert cloud.client.get_event_selectors(TrailName="audit")["EventSelectors"][0]["IncludeManagementEvents"] is False


def test_selectors_without_a_past_become_the_declared_ones(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make()
    cloud.client.put_event_selectors(TrailName="audit", EventSelectors=DATA_ONLY)

    [receipt] = run(select({"EventSelectors": DATA_ONLY}), tmp_path, **{"event-selectors": "default"})

    assert cloud.client.get_event_selectors(TrailName="audit")["EventSelectors"] == DEFAULT
    assert receipt["outcome"] == "reverted"
    assert "no earlier event contains" in receipt["notes"][0]
    assert receipt["inverse"][0]["parameters"]["EventSelectors"][0]["ReadWriteType"] == "ReadOnly"


@pytest.mark.parametrize("event", ["StopLogging", "UpdateTrail", "PutEventSelectors"])
def test_a_second_run_changes_nothing(cloud: Cloud, tmp_path: Path, event: str) -> None:
    cloud.make()
    cloud.client.put_event_selectors(TrailName="audit", EventSelectors=DEFAULT)
    cloud.history = [create()]
    made = {
        "StopLogging": record("StopLogging", {"Name": "audit"}), "UpdateTrail": update({"KmsKeyId": ""}),
        "PutEventSelectors": select({"EventSelectors": DATA_ONLY}),
    }[event]

    [receipt] = run(made, tmp_path)

    assert receipt["outcome"] == "already-ok"
    assert cloud.changes() == []


def test_our_own_event_is_left_alone(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make(KmsKeyId="")
    cloud.history = [create()]
    cloud.answers["GetCallerIdentity"] = {"Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{OWN_ROLE}/function"}

    assert run(update({"KmsKeyId": ""}, role=OWN_ROLE), tmp_path) == []
    assert cloud.changes() == []
    [receipt] = run(update({"KmsKeyId": ""}), tmp_path)
    assert receipt["outcome"] == "reverted"


def test_a_call_that_aws_refused_changed_nothing(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make()
    assert run({**record("StopLogging", {"Name": "audit"}), "errorCode": "AccessDenied"}, tmp_path) == []
    assert cloud.changes() == []


def test_only_the_trail_of_the_event_is_touched(cloud: Cloud, tmp_path: Path) -> None:
    # moto's DescribeTrails gives every trail, whatever names it is asked for.
    cloud.make()
    cloud.client.create_trail(Name="quiet-on-purpose", S3BucketName="logs")
    cloud.client.stop_logging(Name="audit")

    [receipt] = run(record("StopLogging", {"Name": "audit"}), tmp_path)

    assert receipt["resource"] == ARN
    assert not cloud.client.get_trail_status(Name="quiet-on-purpose")["IsLogging"]


def test_a_trail_of_another_home_region_is_refused(cloud: Cloud, tmp_path: Path, moto: Moto) -> None:
    there = boto3.client("cloudtrail", region_name="eu-west-1")
    there.create_trail(Name="far", S3BucketName="logs", IsMultiRegionTrail=True)
    arn = f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/far"

    [receipt] = run(record("StopLogging", {"Name": arn}), tmp_path)

    assert receipt["outcome"] == "refused"
    assert "home region is eu-west-1" in receipt["reason"]


def test_an_organizations_trail_is_refused_in_a_member_account(cloud: Cloud, tmp_path: Path) -> None:
    arn = f"arn:aws:cloudtrail:{REGION}:999988887777:trail/audit"
    trail = {**answer(IsOrganizationTrail=True), "TrailARN": arn, "HomeRegion": REGION}
    cloud.answers["DescribeTrails"] = {"trailList": [trail]}

    [receipt] = run(update({"KmsKeyId": "", "Name": arn}, TrailARN=arn), tmp_path)

    assert receipt["outcome"] == "refused"
    assert "999988887777" in receipt["reason"]


@pytest.mark.parametrize(("change", "why"), [
    ({"actions": [{"type": "revert-trail", "required": {"EnableLogFileValidaton": True}}]}, "EnableLogFileValidaton"),
    ({"actions": [{"type": "revert-trail", "required": {"EnableLogFileValidation": "yes"}}]}, "EnableLogFile"),
    ({"actions": [{"type": "revert-trail", "required": {"Name": "audit"}}]}, "cannot contain Name"),
    ({"actions": [{"type": "revert-trail", "required": {"KmsKeyId": "alias/logs"}}]}, "must be the ARN of a key"),
    ({"actions": [{"type": "revert-trail", "event-selectors": [{"ReadWrite": "All"}]}]}, "ReadWrite"),
    ({"mode": {**policy()["mode"], "events": [
        {"source": "cloudtrail.amazonaws.com", "event": "DeleteTrail", "ids": "requestParameters.name"}]}},
     "not on DeleteTrail"),
    ({"mode": {"type": "pull"}}, "needs a policy in mode cloudtrail"),
])
def test_a_wrong_policy_says_what_is_wrong(moto: Moto, tmp_path: Path, change: dict[str, Any], why: str) -> None:
    with pytest.raises(PolicyValidationError, match=why):
        engine.load({**policy(), **change}, tmp_path)


def test_a_right_policy_is_right(moto: Moto, tmp_path: Path) -> None:
    engine.load(policy(required={"KmsKeyId": KEY, "EnableLogFileValidation": True}), tmp_path)
    engine.load(policy("PutEventSelectors", **{"event-selectors": ADVANCED}), tmp_path)


def test_permissions_are_those_of_the_events(moto: Moto, tmp_path: Path) -> None:
    loaded = engine.load(policy("StopLogging"), tmp_path)
    assert set(loaded.resource_manager.actions[0].get_permissions()) == {
        "sts:GetCallerIdentity", "cloudtrail:GetTrailStatus", "cloudtrail:StartLogging"}


# deleted-trail

DELETED = {
    "name": "p", "resource": "aws.account",
    "mode": {
        "type": "cloudtrail", "role": f"arn:aws:iam::{ACCOUNT}:role/{OWN_ROLE}",
        "events": [
            {"source": "cloudtrail.amazonaws.com", "event": "DeleteTrail", "ids": "recipientAccountId"}],
    },
    "filters": ["deleted-trail"],
}


def deleted(record_: Mapping[str, Any], output: Path) -> list[dict[str, Any]]:
    event = {"detail-type": "AWS API Call via CloudTrail", "detail": dict(record_)}
    DELIVERED[record_["eventID"]] = record_
    return [resource["c7n:DeletedTrail"] for resource in engine.push(DELETED, output, event) or ()]


def test_a_deleted_trail_is_told_with_what_it_was(cloud: Cloud, tmp_path: Path) -> None:
    cloud.history = [
        create(), record("StartLogging", {"Name": "audit"}, minutes_ago=60 * 23),
        select({"AdvancedEventSelectors": ADVANCED}, minutes_ago=60),
    ]
    [trail] = deleted(record("DeleteTrail", {"Name": ARN}, role="intruder"), tmp_path)
    assert (trail["name"], trail["arn"], trail["known"], trail["logging"]) == ("audit", ARN, True, True)
    assert trail["settings"]["KmsKeyId"] == KEY
    assert trail["selectors"] == {"AdvancedEventSelectors": ADVANCED}
    assert "intruder" in trail["deleted"]["arn"]
    assert trail["changed"]["event"] == "PutEventSelectors"
    json.dumps(trail)


def test_a_deletion_is_told_though_nothing_is_known(cloud: Cloud, tmp_path: Path, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        [trail] = deleted(record("DeleteTrail", {"Name": "audit"}), tmp_path)
    assert (trail["name"], trail["known"]) == ("audit", False)
    assert "event history" in trail["reason"]
    assert "was deleted by" in caplog.text

    cloud.failing["LookupEvents"] = lambda _: refused("AccessDeniedException", "LookupEvents")
    [trail] = deleted(record("DeleteTrail", {"Name": "audit"}), tmp_path)
    assert trail["known"] is False
    assert "AccessDeniedException" in trail["reason"]


def test_a_deletion_that_aws_refused_is_none(cloud: Cloud, tmp_path: Path) -> None:
    assert deleted({**record("DeleteTrail", {"Name": "audit"}), "errorCode": "AccessDenied"}, tmp_path) == []


def test_deleted_trail_needs_its_event(moto: Moto, tmp_path: Path) -> None:
    wrong = {**DELETED, "mode": {**DELETED["mode"], "events": ["CreateBucket"]}}
    with pytest.raises(PolicyValidationError, match="DeleteTrail"):
        engine.load(wrong, tmp_path)
