"""CloudTrail's LookupEvents, answered from the records."""
from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardrails.sandbox import Sandbox, SandboxError

from .conftest import open_port, security_group


@pytest.fixture
def group(sandbox: Sandbox, account: str) -> str:
    made = security_group(sandbox, account)
    open_port(sandbox, account, made, 22)
    return made


def look(sandbox: Sandbox, account: str, region: str = "us-east-1", **request: Any) -> list[dict[str, Any]]:
    return sandbox.client("cloudtrail", account, region).lookup_events(**request)["Events"]


def by(key: str, value: str) -> dict:
    return {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}


def test_an_event_has_the_apis_shape(sandbox: Sandbox, account: str, group: str) -> None:
    newest, oldest = look(sandbox, account)
    assert (newest["EventName"], oldest["EventName"]) == ("AuthorizeSecurityGroupIngress", "CreateSecurityGroup")
    record = json.loads(newest["CloudTrailEvent"])
    assert newest["EventId"] == record["eventID"]
    assert (newest["Username"], newest["EventSource"], newest["ReadOnly"]) == ("admin", "ec2.amazonaws.com", "false")
    assert newest["Resources"] == [{"ResourceType": "AWS::EC2::SecurityGroup", "ResourceName": group}]
    assert abs(newest["EventTime"] - datetime.now(UTC)) < timedelta(seconds=30)


def test_every_attribute_is_a_filter(sandbox: Sandbox, account: str, group: str) -> None:
    newest = look(sandbox, account)[0]
    for key, value, count in (
        ("ResourceName", group, 2), ("ResourceType", "AWS::EC2::SecurityGroup", 2), ("EventId", newest["EventId"], 1),
        ("EventName", "AuthorizeSecurityGroupIngress", 1), ("Username", "admin", 2),
        ("EventSource", "ec2.amazonaws.com", 2), ("EventSource", "s3.amazonaws.com", 0), ("ResourceName", "sg-0", 0),
        ("ReadOnly", "true", 0),
    ):
        assert len(look(sandbox, account, **by(key, value))) == count, (key, value)


def test_accounts_regions_and_times_limit_it(
    sandbox: Sandbox, account: str, other_account: str, group: str
) -> None:
    assert look(sandbox, other_account) == []
    assert look(sandbox, account, "eu-west-1") == []
    now = datetime.now(UTC)
    assert look(sandbox, account, EndTime=now - timedelta(hours=1), StartTime=now - timedelta(hours=2)) == []
    assert len(look(sandbox, account, StartTime=now - timedelta(hours=1))) == 2


def test_it_is_late_as_on_aws_where_that_is_wanted(sandbox: Sandbox, account: str, group: str) -> None:
    sandbox.delay_history(60)
    assert look(sandbox, account) == []
    # Only the history is late: what was recorded has been delivered.
    assert len(sandbox.events(account)) == 2
    sandbox.delay_history(0)
    assert len(look(sandbox, account)) == 2
    for seconds in (-1, float("nan")):
        with pytest.raises(SandboxError, match="the event history is as it was"):
            sandbox.delay_history(seconds)


def test_pages(sandbox: Sandbox, account: str, group: str) -> None:
    pages = sandbox.client("cloudtrail", account).get_paginator("lookup_events").paginate(
        PaginationConfig={"PageSize": 1}
    )
    assert [[event["EventName"] for event in page["Events"]] for page in pages] == [
        ["AuthorizeSecurityGroupIngress"], ["CreateSecurityGroup"]
    ]


@pytest.mark.parametrize(("request_", "code"), [
    ({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "a"}] * 2},
     "InvalidLookupAttributesException"),
    ({"NextToken": "???"}, "InvalidNextTokenException"),
    ({"StartTime": time.time(), "EndTime": time.time() - 60}, "InvalidTimeRangeException"),
])
def test_what_aws_refuses_is_refused(sandbox: Sandbox, account: str, request_: dict, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        look(sandbox, account, **request_)
    assert refused.value.response["Error"]["Code"] == code
