"""Recorded events are read in every form that somebody has them, and matched as EventBridge matches."""
from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from custom_actions.vocabulary import is_read
from guardrails.errors import GuardrailsError
from guardrails.policies.event_pattern import UnknownComparison, mismatches
from guardrails.replay import readonly
from guardrails.replay.recorded import read_events
from tests.custom_actions.functions.messages import GROUP_TYPE, item, notification, summary

RECORD = {
    "eventName": "CreateUser", "eventSource": "iam.amazonaws.com", "awsRegion": "us-east-1", "eventID": "e",
    "recipientAccountId": "111111111111", "userIdentity": {"arn": "arn:aws:iam::111111111111:user/eve"},
}
ENVELOPE = {"detail-type": "AWS API Call via CloudTrail", "account": "111111111111", "region": "us-east-1",
            "detail": RECORD}
HISTORY_ITEM = {
    "version": "1.3", "accountId": "111111111111", "awsRegion": "us-east-1", "resourceType": GROUP_TYPE,
    "resourceId": "sg-1", "configuration": "{}", "configurationItemStatus": "OK",
}
SNS = {"Records": [{"Sns": {"Message": json.dumps(ENVELOPE)}}]}


@pytest.mark.parametrize(("content", "number", "name"), [
    (RECORD, 1, "CreateUser"),
    (ENVELOPE, 1, "CreateUser"),
    ({"Records": [RECORD, RECORD]}, 2, "CreateUser"),
    ([RECORD, ENVELOPE], 2, "CreateUser"),
    ({"Events": [{"CloudTrailEvent": json.dumps(RECORD)}]}, 1, "CreateUser"),
    (SNS, 1, "CreateUser"),
    ({"guardrails-policy": "p", "event": ENVELOPE}, 1, "CreateUser"),
    ({"Messages": [{"Body": json.dumps({"guardrails-policy": "p", "event": ENVELOPE})}]}, 1, "CreateUser"),
    (item("sg-1"), 1, f"ConfigurationItemChangeNotification {GROUP_TYPE} sg-1"),
    (notification(configurationItem=item("sg-1")), 1, f"ConfigurationItemChangeNotification {GROUP_TYPE} sg-1"),
    ({"messageType": "OversizedConfigurationItemChangeNotification", "configurationItemSummary": summary(
        item("sg-1"))}, 1, f"OversizedConfigurationItemChangeNotification {GROUP_TYPE} sg-1"),
    ({"configurationItems": [HISTORY_ITEM]}, 1, f"ConfigurationItemChangeNotification {GROUP_TYPE} sg-1"),
])
def test_every_form_is_read(tmp_path: Path, content: Any, number: int, name: str) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(content))
    events = read_events(file)
    assert len(events) == number
    for event in events:
        assert event.title.startswith(name)
        assert event.account in ("111111111111", "123456789012")
        assert event.region == "us-east-1"


def test_a_bare_record_becomes_what_eventbridge_makes_of_it(tmp_path: Path) -> None:
    file = tmp_path / "trail.json.gz"
    sign_in = {**RECORD, "eventName": "ConsoleLogin", "eventSource": "signin.amazonaws.com"}
    file.write_bytes(gzip.compress(json.dumps({"Records": [RECORD, sign_in]}).encode()))
    call, login = read_events(file)
    assert (call.event["detail-type"], call.event["source"]) == ("AWS API Call via CloudTrail", "aws.iam")
    assert login.event["detail-type"] == "AWS Console Sign In via CloudTrail"
    assert login.where.endswith("trail.json.gz #2")


def test_a_file_that_unzips_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guardrails.replay.recorded.UNZIPPED_BYTES", 1000)
    file = tmp_path / "bomb.json.gz"
    file.write_bytes(gzip.compress(b"[" + b" " * 10_000 + b"]"))
    with pytest.raises(GuardrailsError, match="unzipped, it has more than 1000 bytes"):
        read_events(file)


@pytest.mark.parametrize("content", ["{", "3", "[]", '{"a": 1}', '{"Records": [{"Sns": {"Message": "hello"}}]}'])
def test_what_is_no_event_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "event.json"
    file.write_text(content)
    with pytest.raises(GuardrailsError, match=r"event\.json"):
        read_events(file)


@pytest.mark.parametrize(("pattern", "said"), [
    ({"detail": {"eventName": ["CreateUser", "DeleteUser"]}}, []),
    ({"detail": {"eventName": ["DeleteUser"]}}, ["detail.eventName is CreateUser, not DeleteUser"]),
    ({"source": ["aws.iam"]}, ["source is missing, not aws.iam"]),
    ({"detail": {"eventName": [{"prefix": "Create"}]}}, []),
    ({"detail": {"eventName": [{"suffix": "Role"}]}}, ["detail.eventName is CreateUser, not {'suffix': 'Role'}"]),
    ({"detail": {"eventName": [{"anything-but": ["CreateUser"]}]}},
     ["detail.eventName is CreateUser, not {'anything-but': ['CreateUser']}"]),
    ({"detail": {"errorCode": [{"exists": False}]}}, []),
    ({"detail": {"errorCode": [{"exists": True}]}}, ["detail.errorCode is missing, not {'exists': True}"]),
    ({"detail": {"eventName": [{"equals-ignore-case": "createuser"}]}}, []),
])
def test_patterns_match_as_eventbridge_does(pattern: dict[str, Any], said: list[str]) -> None:
    assert list(mismatches(pattern, ENVELOPE)) == said


def test_a_comparison_that_is_not_known_is_no_match() -> None:
    with pytest.raises(UnknownComparison, match="numeric"):
        list(mismatches({"detail": {"eventName": [{"numeric": [">", 1]}]}}, ENVELOPE))


def test_only_reads_are_reads() -> None:
    reads = ("DescribeInstances", "ListUsers", "GetBucketAcl", "HeadBucket", "LookupEvents")
    writes = ("DeleteUser", "PutBucketAcl", "RevokeSecurityGroupIngress", "Publish", "Invoke", "StartInstances",
              "TagResource", "PutEvaluations", "CreateTags")
    assert [name for name in (*reads, *writes) if is_read(name)] == list(reads)
    # Not a read by its name, and it changes nothing.
    assert not is_read("GenerateCredentialReport") and "GenerateCredentialReport" in readonly._ALLOWED
