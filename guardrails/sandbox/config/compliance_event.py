"""The event on the account's bus when a rule's evaluation of a resource changes.

Source: AWS Config's developer guide, "Monitoring AWS Config with Amazon EventBridge", and "Example Compliance Change
Notification".
"""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .evaluations import Evaluation
from .place import Place
from .rules import Rule

COMPLIANCE_CHANGE = "Config Rules Compliance Change"


def compliance_change(rule: Rule, place: Place, new: Evaluation, old: Evaluation | None) -> dict[str, Any]:
    """The event's `detail`; `old` is the previous evaluation, if there was one."""
    return {
        "resourceId": new.id,
        "resourceType": new.type,
        "awsRegion": place.region,
        "awsAccountId": place.account,
        "configRuleName": rule.name,
        "configRuleARN": rule.arn,
        "recordVersion": "1.0",
        "messageType": "ComplianceChangeNotification",
        "newEvaluationResult": _result(new),
        **({"oldEvaluationResult": _result(old)} if old else {}),
        "notificationCreationTime": _time(place.clock.now()),
    }


def _result(made: Evaluation) -> dict[str, Any]:
    return {
        "evaluationResultIdentifier": {
            "evaluationResultQualifier": {
                "configRuleName": made.rule, "resourceType": made.type, "resourceId": made.id,
            },
            "orderingTimestamp": _time(datetime.fromtimestamp(made.ordering, UTC)),
        },
        "complianceType": made.compliance,
        "resultRecordedTime": _time(made.recorded),
        "configRuleInvokedTime": _time(made.invoked),
        **({"annotation": made.annotation} if made.annotation else {}),
    }


def _time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
