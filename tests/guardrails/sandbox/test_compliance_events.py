"""A rule that judges otherwise than before says so; tests/responder hears it on the bus, from `aws.config`."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from guardrails.sandbox import Sandbox
from guardrails.sandbox.config.compliance_event import compliance_change
from guardrails.sandbox.config.evaluations import Evaluation
from guardrails.sandbox.config.place import Place
from guardrails.sandbox.config.rules import Rule

ACCOUNT, REGION, GROUP = "400000000009", "eu-west-1", "AWS::EC2::SecurityGroup"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
BAD = Evaluation("ports", GROUP, "sg-1", "NON_COMPLIANT", "port 22", NOW.timestamp(), NOW, NOW)


def test_only_a_verdict_that_changes_is_told() -> None:
    told: list[tuple[str, str]] = []
    place = Place(ACCOUNT, REGION, lambda _, new, old: told.append((new.compliance, old.compliance if old else "")))
    for compliance, seconds in (
        ("NOT_APPLICABLE", 0), ("NON_COMPLIANT", 1), ("NON_COMPLIANT", 2), ("COMPLIANT", 3), ("NON_COMPLIANT", 1),
        ("NOT_APPLICABLE", 4),
    ):
        place.judged([replace(BAD, compliance=compliance, ordering=BAD.ordering + seconds)])
    # What was never judged fares as what the rule does not apply to; an older state says nothing.
    assert told == [
        ("NON_COMPLIANT", "NOT_APPLICABLE"), ("COMPLIANT", "NON_COMPLIANT"), ("NOT_APPLICABLE", "COMPLIANT")]


def test_it_is_told_as_aws_config_does() -> None:
    rule = Rule("ports", "config-rule-1", "arn:rule", "arn:function", frozenset(), "{}")
    place = Place(ACCOUNT, REGION, lambda *_: None)
    detail = compliance_change(rule, place, BAD, replace(BAD, compliance="COMPLIANT", annotation=""))
    assert detail.pop("notificationCreationTime")
    time = "2026-01-02T03:04:05.678Z"
    old = {
        "evaluationResultIdentifier": {
            "evaluationResultQualifier": {"configRuleName": "ports", "resourceType": GROUP, "resourceId": "sg-1"},
            "orderingTimestamp": time,
        },
        "complianceType": "COMPLIANT", "resultRecordedTime": time, "configRuleInvokedTime": time,
    }
    assert detail == {
        "resourceId": "sg-1", "resourceType": GROUP, "awsRegion": REGION, "awsAccountId": ACCOUNT,
        "configRuleName": "ports", "configRuleARN": "arn:rule", "recordVersion": "1.0",
        "messageType": "ComplianceChangeNotification",
        "newEvaluationResult": {**old, "complianceType": "NON_COMPLIANT", "annotation": "port 22"},
        "oldEvaluationResult": old,
    }
    assert "oldEvaluationResult" not in compliance_change(rule, place, BAD, None)


def test_nobody_else_speaks_for_a_service(sandbox: Sandbox, account: str) -> None:
    answer = sandbox.client("events", account).put_events(
        Entries=[{"Source": "aws.config", "DetailType": "Config Rules Compliance Change", "Detail": "{}"}])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
