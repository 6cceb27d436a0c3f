"""What a trail records, and what it lacks."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.recording.selectors import LAMBDA, MANAGEMENT, S3, recorded
from custom_actions.elements.recording.traits import Traits, lacking_events, lacking_settings, lacking_status

BOTH = {"read", "write"}


def basic(**entry: Any) -> dict[str, Any]:
    return {"EventSelectors": [entry]}


def data(kind: str, *values: str, **entry: Any) -> dict[str, Any]:
    return basic(IncludeManagementEvents=False, DataResources=[{"Type": kind, "Values": list(values)}], **entry)


def advanced(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"AdvancedEventSelectors": [{"FieldSelectors": list(fields)}]}


def field(name: str, test: str, *values: str) -> dict[str, Any]:
    return {"Field": name, test: list(values)}


ALL_MANAGEMENT = field("eventCategory", "Equals", "Management")
ALL_DATA = field("eventCategory", "Equals", "Data")
OF_S3 = field("resources.type", "Equals", S3)


@pytest.mark.parametrize(("selectors", "kind", "found"), [
    (basic(ReadWriteType="All", IncludeManagementEvents=True), MANAGEMENT, BOTH),
    (basic(), MANAGEMENT, BOTH),
    (basic(ReadWriteType="ReadOnly"), MANAGEMENT, {"read"}),
    (basic(ReadWriteType="WriteOnly"), MANAGEMENT, {"write"}),
    (basic(IncludeManagementEvents=False), MANAGEMENT, set()),
    (basic(ExcludeManagementEventSources=["kms.amazonaws.com"]), MANAGEMENT, BOTH),
    (basic(), S3, set()),
    (data(S3, "arn:aws:s3"), S3, BOTH),
    (data(S3, "arn:aws:s3:::"), S3, BOTH),
    (data(S3, "arn:aws-cn:s3"), S3, BOTH),
    (data(S3, "arn:aws:s3:::bucket/"), S3, set()),
    (data(S3), S3, set()),
    (data(S3, "arn:aws:s3:::bucket/", "arn:aws:s3", ReadWriteType="WriteOnly"), S3, {"write"}),
    (data(S3, "arn:aws:s3"), LAMBDA, set()),
    (data(LAMBDA, "arn:aws:lambda"), LAMBDA, BOTH),
    (data(LAMBDA, "arn:aws:lambda:us-east-1:123456789012:function:f"), LAMBDA, set()),
    ({}, MANAGEMENT, set()),
])
def test_basic_selectors(selectors: Any, kind: str, found: set[str]) -> None:
    assert recorded(selectors, kind) == found


@pytest.mark.parametrize(("fields", "kind", "found"), [
    ([ALL_MANAGEMENT], MANAGEMENT, BOTH),
    ([ALL_MANAGEMENT, field("readOnly", "Equals", "true")], MANAGEMENT, {"read"}),
    ([ALL_MANAGEMENT, field("readOnly", "Equals", "false")], MANAGEMENT, {"write"}),
    ([ALL_MANAGEMENT, field("eventSource", "NotEquals", "kms.amazonaws.com")], MANAGEMENT, BOTH),
    ([ALL_MANAGEMENT, field("eventSource", "NotEquals", "iam.amazonaws.com")], MANAGEMENT, set()),
    ([ALL_MANAGEMENT, field("eventSource", "Equals", "kms.amazonaws.com")], MANAGEMENT, set()),
    ([ALL_MANAGEMENT, field("userIdentity.arn", "NotStartsWith", "arn:aws:sts")], MANAGEMENT, set()),
    ([ALL_DATA, OF_S3], MANAGEMENT, set()),
    ([ALL_DATA, OF_S3], S3, BOTH),
    ([ALL_DATA, OF_S3], LAMBDA, set()),
    ([ALL_DATA], S3, set()),
    ([OF_S3], S3, set()),
    ([ALL_DATA, OF_S3, field("readOnly", "Equals", "false")], S3, {"write"}),
    ([ALL_DATA, OF_S3, field("resources.ARN", "StartsWith", "arn:aws:s3:::")], S3, BOTH),
    ([ALL_DATA, OF_S3, field("resources.ARN", "StartsWith", "arn:aws:s3:::bucket/")], S3, set()),
    ([ALL_DATA, OF_S3, field("resources.ARN", "NotStartsWith", "arn:aws:s3:::")], S3, set()),
    ([ALL_DATA, OF_S3, field("eventName", "Equals", "DeleteObject")], S3, set()),
    # As boto3 may hand them over: tests that are not used are empty.
    ([{**ALL_DATA, "NotEquals": []}, OF_S3], S3, BOTH),
])
def test_advanced_selectors(fields: Any, kind: str, found: set[str]) -> None:
    assert recorded(advanced(*fields), kind) == found


def test_selectors_add_up() -> None:
    halves = {"EventSelectors": [{"ReadWriteType": "ReadOnly"}, {"ReadWriteType": "WriteOnly"}]}
    assert recorded(halves, MANAGEMENT) == BOTH


GOOD = {
    "S3BucketName": "audit-logs", "KmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/1", "IsMultiRegionTrail": True,
    "IncludeGlobalServiceEvents": True, "LogFileValidationEnabled": True,
}
EVERYTHING = Traits(
    "audit-*", True, "*:key/1", multi_region=True, global_events=True, validated=True, management_events=True,
    s3_data_events=True, lambda_data_events=True)


@pytest.mark.parametrize(("change", "said"), [
    ({"S3BucketName": "elsewhere"}, "delivers to the bucket elsewhere"),
    ({"KmsKeyId": None}, "is not encrypted with a KMS key"),
    ({"KmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/2"}, "is encrypted with the key arn:aws:kms:us-east-1:1234567"
     "89012:key/2"),
    ({"IsMultiRegionTrail": False}, "records one region only"),
    ({"IncludeGlobalServiceEvents": None}, "does not record global services"),
    ({"LogFileValidationEnabled": False}, "has no log file validation"),
])
def test_a_setting_is_lacking_only_where_it_is_wanted(change: dict[str, Any], said: str) -> None:
    assert lacking_settings(GOOD, EVERYTHING) == []
    assert lacking_settings({**GOOD, **change}, EVERYTHING) == [said]
    assert lacking_settings({**GOOD, **change}, Traits()) == []


def test_a_trail_without_anything_lacks_it_all() -> None:
    assert len(lacking_settings({}, EVERYTHING)) == 5


def test_it_must_log_and_deliver() -> None:
    assert lacking_status({"IsLogging": True, "LatestDeliveryError": ""}) == []
    assert lacking_status({"IsLogging": False, "LatestDeliveryError": "AccessDenied"}) == [
        "does not log", "could not deliver: AccessDenied"]


def test_events_are_lacking_by_halves() -> None:
    found = lacking_events(basic(ReadWriteType="WriteOnly"), EVERYTHING)
    assert found == [
        "does not record management events (read)", "does not record data events of all buckets",
        "does not record invocations of all functions"]
    assert lacking_events({}, Traits()) == []


@pytest.mark.parametrize(("wanted", "recorded_type", "said"), [
    (Traits(s3_write_events=True), "WriteOnly", []),
    (Traits(s3_write_events=True), "ReadOnly", ["does not record data events of all buckets (write)"]),
    (Traits(s3_read_events=True), "ReadOnly", []),
    (Traits(s3_read_events=True), "WriteOnly", ["does not record data events of all buckets (read)"]),
    (Traits(s3_read_events=True, s3_write_events=True), "All", []),
    (Traits(s3_read_events=True, s3_data_events=True), "ReadOnly", [
        "does not record data events of all buckets (write)"]),
])
def test_reads_and_writes_of_buckets_are_wanted_apart(wanted: Traits, recorded_type: str, said: list[str]) -> None:
    assert lacking_events(data(S3, "arn:aws:s3", ReadWriteType=recorded_type), wanted) == said
