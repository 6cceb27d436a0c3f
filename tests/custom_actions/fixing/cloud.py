"""moto with CloudTrail's event history beside it, and errors on demand; and records as CloudTrail writes them.

moto has no LookupEvents: that one API is answered here, from records that a test writes down.
"""
from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.moto_server import ACCOUNT, REGION, Moto

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
_ids = itertools.count(1)


def record(
    name: str, request: Mapping[str, Any] | None = None, answer: Mapping[str, Any] | None = None, *,
    source: str = "kms", minutes_ago: float = 0, role: str = "somebody", **more: Any,
) -> dict[str, Any]:
    """A record of a call; request and answer are spelled as CloudTrail spells them."""
    return {
        "eventName": name, "eventSource": f"{source}.amazonaws.com", "eventID": f"e-{next(_ids)}",
        "eventTime": (NOW - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "awsRegion": REGION, "sourceIPAddress": "192.0.2.1", "recipientAccountId": ACCOUNT,
        "userIdentity": {
            "type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session", "accountId": ACCOUNT,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/{role}"}},
        },
        "requestParameters": request, "responseElements": answer, **more,
    }


_delivered: dict[str, Mapping[str, Any]] = {}


def event(made: Mapping[str, Any], *, forged: bool = False) -> dict[str, Any]:
    """A record as EventBridge delivers it; CloudTrail's event history has it too, unless it is forged."""
    if not forged:
        _delivered[made["eventID"]] = made
    return {
        "source": f"aws.{made['eventSource'].partition('.')[0]}", "detail-type": "AWS API Call via CloudTrail",
        "account": ACCOUNT, "region": REGION, "detail": made,
    }


class Cloud:
    """The account, its event history, what was called, and what is refused."""

    def __init__(self, moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = moto.client
        self.history: list[dict[str, Any]] = []
        self.denied: set[str] = set()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        original = BaseClient._make_api_call

        def make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            self.calls.append((operation, parameters))
            if operation in self.denied:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)
            if operation == "GetCallerIdentity":
                return {"Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/guardrails/function", "Account": ACCOUNT}
            if operation != "LookupEvents":
                return original(client, operation, parameters)
            [attribute] = parameters["LookupAttributes"]
            if attribute["AttributeKey"] == "EventId":
                known = _delivered.get(attribute["AttributeValue"])
                return {"Events": [{"CloudTrailEvent": json.dumps(known)}] if known else []}
            by_name, wanted = attribute["AttributeKey"] == "EventName", attribute["AttributeValue"]
            found = sorted(
                (made for made in self.history if wanted == made["eventName"] or (
                    not by_name and wanted in json.dumps(made))),
                key=lambda made: made["eventTime"], reverse=True)
            return {"Events": [{"CloudTrailEvent": json.dumps(made)} for made in found]}

        monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)
        monkeypatch.setattr("custom_actions.fixing.confirmation._now", lambda: NOW + timedelta(minutes=1))

    def changes(self) -> list[str]:
        """The operations called that change something."""
        reading = ("BatchGet", "Describe", "Get", "List", "Lookup")
        return [operation for operation, _ in self.calls if not operation.startswith(reading)]


def policy(resource: str, action: Any, service: str, *events: tuple[str, str]) -> dict[str, Any]:
    """A realtime policy on events (name, path to the id), with one action."""
    return {
        "name": "undo", "resource": f"aws.{resource}", "actions": [action],
        "mode": {
            "type": "cloudtrail", "role": "arn:aws:iam::{account_id}:role/guardrails",
            "events": [{"source": f"{service}.amazonaws.com", "event": name, "ids": ids} for name, ids in events],
        },
    }


def receipts(output: Any, action: str) -> list[dict[str, Any]]:
    """The receipts of the last run, from the policy's output."""
    [path] = output.rglob(f"action-{action}")
    return list(json.loads(path.read_text(encoding="utf-8")))
