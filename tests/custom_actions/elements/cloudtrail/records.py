"""CloudTrail records about trails, in the shape of published ones."""
from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.moto_server import ACCOUNT, REGION

ARN = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/audit"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
OTHER_KEY = f"arn:aws:kms:{REGION}:999988887777:key/66666666-2222-3333-4444-555555555555"
OWN_ROLE = "guardrails"
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
_ids = itertools.count(1)


def record(
    name: str, request: Mapping[str, Any], answer: Mapping[str, Any] | None = None, *,
    minutes_ago: float = 0, role: str = "somebody", **more: Any,
) -> dict[str, Any]:
    """A record of a call whose parameters and answer are spelled as boto3 has them."""
    return {
        "eventVersion": "1.11",
        "eventName": name, "eventSource": "cloudtrail.amazonaws.com", "eventID": f"e-{next(_ids)}",
        "eventTime": (NOW - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "awsRegion": REGION, "sourceIPAddress": "192.0.2.1", "recipientAccountId": ACCOUNT,
        "userIdentity": {
            "type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session", "accountId": ACCOUNT,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/{role}"}},
        },
        "requestParameters": lower(request), "responseElements": lower(answer) if answer else None, **more,
    }


def answer(**settings: Any) -> dict[str, Any]:
    """What CreateTrail and UpdateTrail answer: the whole trail; a setting that is None is left out, as AWS does."""
    whole = {
        "Name": "audit", "S3BucketName": "logs", "IncludeGlobalServiceEvents": True, "IsMultiRegionTrail": True,
        "TrailARN": ARN, "LogFileValidationEnabled": True, "KmsKeyId": KEY, "IsOrganizationTrail": False, **settings,
    }
    return {key: value for key, value in whole.items() if value is not None}


def create(minutes_ago: float = 60 * 24, **settings: Any) -> dict[str, Any]:
    return record("CreateTrail", {"Name": "audit", "S3BucketName": "logs"}, answer(**settings), minutes_ago=minutes_ago)


def update(
    request: Mapping[str, Any], *, minutes_ago: float = 0, role: str = "somebody", **after: Any
) -> dict[str, Any]:
    """An UpdateTrail of `request`, after which the trail is as `answer(**after)` says."""
    return record("UpdateTrail", {"Name": "audit", **request}, answer(**after), minutes_ago=minutes_ago, role=role)


def select(selectors: Mapping[str, Any], *, minutes_ago: float = 0, role: str = "somebody") -> dict[str, Any]:
    """A PutEventSelectors of EventSelectors or AdvancedEventSelectors."""
    return record(
        "PutEventSelectors", {"TrailName": "audit", **selectors}, {"TrailARN": ARN, **selectors},
        minutes_ago=minutes_ago, role=role,
    )


def is_own(made: Mapping[str, Any]) -> bool:
    return f":assumed-role/{OWN_ROLE}/" in made["userIdentity"]["arn"]


def lower(value: Any) -> Any:
    """CloudTrail's spelling of the API's names: a small first letter."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: lower(inner) for key, inner in value.items()}
    return [lower(inner) for inner in value] if isinstance(value, list) else value
