"""One spelling of settings and selectors."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.elements.cloudtrail.state import (
    ADVANCED,
    BASIC,
    DEFAULT_SELECTORS,
    Selectors,
    answered_settings,
    capitals,
    requested_settings,
    selectors_in,
)
from tests.moto_server import ACCOUNT, REGION

from .records import ARN, KEY, answer, lower

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:trails"


def test_an_answer_tells_every_setting_and_what_it_leaves_out_is_not_set() -> None:
    assert answered_settings(answer(KmsKeyId=None)) == {
        "IncludeGlobalServiceEvents": True, "IsMultiRegionTrail": True, "EnableLogFileValidation": True,
        "IsOrganizationTrail": False, "S3BucketName": "logs", "S3KeyPrefix": "", "SnsTopicName": "",
        "CloudWatchLogsLogGroupArn": "", "CloudWatchLogsRoleArn": "", "KmsKeyId": "",
    }


def test_a_flag_that_an_old_answer_leaves_out_is_not_known() -> None:
    assert "IsOrganizationTrail" not in answered_settings(answer(IsOrganizationTrail=None))


@pytest.mark.parametrize(("topic", "named"), [
    ({"SnsTopicName": "trails", "SnsTopicARN": TOPIC}, "trails"),
    ({"SnsTopicName": TOPIC, "SnsTopicARN": TOPIC}, "trails"),
    ({"SnsTopicARN": "arn:aws:sns:eu-west-1:999988887777:far"}, "arn:aws:sns:eu-west-1:999988887777:far"),
    ({}, ""),
])
def test_a_topic_is_named_as_update_trail_takes_it(topic: dict[str, str], named: str) -> None:
    assert answered_settings(answer(**topic))["SnsTopicName"] == named


def test_a_request_tells_what_it_names() -> None:
    request = {"Name": "audit", "KmsKeyId": "", "EnableLogFileValidation": False, "SnsTopicName": TOPIC, "Other": 1}
    assert requested_settings(request, ARN) == {
        "KmsKeyId": "", "EnableLogFileValidation": False, "SnsTopicName": "trails",
    }


def test_a_record_is_read_in_the_apis_spelling() -> None:
    request = {"trailName": "audit", "eventSelectors": [{"readWriteType": "All", "dataResources": [{"type": "t"}]}]}
    assert capitals(request) == {
        "TrailName": "audit", "EventSelectors": [{"ReadWriteType": "All", "DataResources": [{"Type": "t"}]}],
    }


@pytest.mark.parametrize("entry", [
    {},
    {"ReadWriteType": "All"},
    {"IncludeManagementEvents": True, "DataResources": [], "ExcludeManagementEventSources": []},
    {"DataResources": [{"Type": "AWS::S3::Object", "Values": []}]},
])
def test_selectors_that_mean_the_same_are_equal(entry: dict[str, object]) -> None:
    assert Selectors.of([entry]) == DEFAULT_SELECTORS


BASIC_SELECTORS = st.lists(st.fixed_dictionaries({}, optional={
    "ReadWriteType": st.sampled_from(["All", "ReadOnly", "WriteOnly"]),
    "IncludeManagementEvents": st.booleans(),
    "DataResources": st.lists(st.fixed_dictionaries({
        "Type": st.sampled_from(["AWS::S3::Object", "AWS::Lambda::Function"]),
        "Values": st.lists(st.sampled_from([
            "arn:aws:s3", "arn:aws:s3:::b/", "arn:aws:s3:::o", "arn:aws:lambda", "arn:aws:lambda:r:1:function:f",
        ]), unique=True),
    })),
    "ExcludeManagementEventSources": st.lists(st.sampled_from(["kms.amazonaws.com"]), unique=True),
}), min_size=1, max_size=5)
FIELDS = st.fixed_dictionaries(
    {"Field": st.sampled_from(["eventCategory", "resources.type", "resources.ARN"])},
    optional={
        operator: st.lists(st.sampled_from(["Management", "Data", "AWS::S3::Object", "arn:aws:s3:::b/"]), unique=True)
        for operator in ("Equals", "StartsWith", "NotEquals")
    },
)
ADVANCED_SELECTORS = st.lists(st.fixed_dictionaries(
    {"FieldSelectors": st.lists(FIELDS, min_size=1, max_size=3)},
    optional={"Name": st.sampled_from(["", "one", "two"])},
), min_size=1, max_size=5)


@given(st.one_of(BASIC_SELECTORS, ADVANCED_SELECTORS), st.randoms())
def test_selectors_survive_the_api_the_record_and_any_order(entries: list[dict[str, object]], random: object) -> None:
    selectors = Selectors.of(entries)
    assert selectors.kind == (ADVANCED if "FieldSelectors" in entries[0] else BASIC)
    assert selectors_in(selectors.parameters()) == selectors
    assert selectors_in(capitals(lower(selectors.parameters()))) == selectors
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert Selectors.of(shuffled) == selectors


# Events, as selectors see them: category, read only, the management event's source, the data event's type and ARN.
EVENTS = [
    ("Management", read_only, source, "", "")
    for read_only in (True, False) for source in ("kms.amazonaws.com", "iam.amazonaws.com")
] + [
    ("Data", read_only, "", kind, arn)
    for read_only in (True, False) for kind, arn in (
        ("AWS::S3::Object", "arn:aws:s3:::b/key"), ("AWS::S3::Object", "arn:aws:s3:::other/key"),
        ("AWS::Lambda::Function", "arn:aws:lambda:r:1:function:f"),
        ("AWS::Lambda::Function", "arn:aws:lambda:r:1:function:ff"),
    )
]


def recorded(selectors: Selectors) -> set[Any]:
    """Those of EVENTS that a trail with these selectors records, from CloudTrail's user guide."""
    return {event for event in EVENTS if any(
        by_advanced(entry, event) if selectors.kind == ADVANCED else by_basic(entry, event)
        for entry in selectors.entries
    )}


def by_basic(entry: Mapping[str, Any], event: tuple[str, bool, str, str, str]) -> bool:
    category, read_only, source, kind, arn = event
    if entry["ReadWriteType"] not in ("All", "ReadOnly" if read_only else "WriteOnly"):
        return False
    if category == "Management":
        return entry["IncludeManagementEvents"] and source not in entry["ExcludeManagementEventSources"]
    return any(
        resource["Type"] == kind and any(
            arn.startswith(value) if kind == "AWS::S3::Object" or value == "arn:aws:lambda" else arn == value
            for value in resource["Values"]
        )
        for resource in entry["DataResources"]
    )


def by_advanced(entry: Mapping[str, Any], event: tuple[str, bool, str, str, str]) -> bool:
    category, _, _, kind, arn = event
    seen = {"eventCategory": category, "resources.type": kind, "resources.ARN": arn}
    return all(
        ("Equals" not in field or seen[field["Field"]] in field["Equals"])
        and ("StartsWith" not in field or any(seen[field["Field"]].startswith(each) for each in field["StartsWith"]))
        and ("NotEquals" not in field or seen[field["Field"]] not in field["NotEquals"])
        for field in entry["FieldSelectors"]
    )


ANY_SELECTORS = st.one_of(BASIC_SELECTORS, ADVANCED_SELECTORS).map(Selectors.of)


@given(ANY_SELECTORS, ANY_SELECTORS)
def test_what_covers_records_all_of_it(mine: Selectors, theirs: Selectors) -> None:
    if mine.covers(theirs):
        assert recorded(theirs) <= recorded(mine)


@given(st.one_of(st.tuples(BASIC_SELECTORS, BASIC_SELECTORS), st.tuples(ADVANCED_SELECTORS, ADVANCED_SELECTORS)))
def test_added_selectors_cover(both: tuple[list[Any], list[Any]]) -> None:
    few, more = both
    assert Selectors.of([*few, *more]).covers(Selectors.of(few))


MANAGEMENT = Selectors.of([{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}])


@pytest.mark.parametrize(("mine", "theirs", "covers"), [
    (MANAGEMENT, DEFAULT_SELECTORS, True),
    (DEFAULT_SELECTORS, MANAGEMENT, True),
    (Selectors.of([{"IncludeManagementEvents": False}]), MANAGEMENT, False),
    (DEFAULT_SELECTORS, Selectors.of([{"IncludeManagementEvents": False}]), True),
    (Selectors.of([{"ReadWriteType": "WriteOnly"}]), DEFAULT_SELECTORS, False),
    (Selectors.of([{"ExcludeManagementEventSources": ["kms.amazonaws.com"]}]), DEFAULT_SELECTORS, False),
    (Selectors.of([{"DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::b/"]}]}]),
     DEFAULT_SELECTORS, True),
    (MANAGEMENT, Selectors.of([{"DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]), False),
])
def test_covering(mine: Selectors, theirs: Selectors, covers: bool) -> None:
    assert mine.covers(theirs) is covers


def test_nothing_is_no_selectors() -> None:
    assert selectors_in({"TrailARN": ARN, "EventSelectors": None, "AdvancedEventSelectors": []}) is None


def test_the_key_is_the_one_of_the_answer() -> None:
    assert answered_settings(answer())["KmsKeyId"] == KEY
