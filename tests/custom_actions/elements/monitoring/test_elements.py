"""`log-alarm` and `create-log-alarm` through c7n, against moto: the trail's home region is not the policy's."""
from __future__ import annotations

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from c7n.config import Config
from c7n.exceptions import PolicyValidationError
from moto.sns.models import sns_backends

from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

HOME = "eu-west-1"
TOPIC = f"arn:aws:sns:{HOME}:{ACCOUNT}:told"
EVENTS = {
    "keys": "$.eventSource = kms.amazonaws.com && $.eventName = DisableKey",
    "root": "$.userIdentity.type = Root && $.eventType != AwsServiceEvent",
}


class Cloud:
    """A trail at home in another region than the policy's, every call, and errors on demand."""

    def __init__(self, moto: Moto) -> None:
        self.calls: Counter[str] = Counter()
        self.regions: set[str] = set()
        self.refused: set[str] = set()
        self._moto = moto
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(service, region_name=HOME, endpoint_url=self._moto.endpoint)
        return self._clients[service]

    def is_own(self, client: Any) -> bool:
        return any(client is own for own in self._clients.values())

    def make_trail(self) -> None:
        self._moto.client("s3").create_bucket(Bucket="audit")
        self.client("logs").create_log_group(logGroupName="audit")
        trails = self.client("cloudtrail")
        trails.create_trail(
            Name="audit", S3BucketName="audit", IsMultiRegionTrail=True,
            CloudWatchLogsLogGroupArn=f"arn:aws:logs:{HOME}:{ACCOUNT}:log-group:audit:*",
            CloudWatchLogsRoleArn=f"arn:aws:iam::{ACCOUNT}:role/audit")
        trails.start_logging(Name="audit")
        trails.put_event_selectors(
            TrailName="audit", EventSelectors=[{"ReadWriteType": "All", "IncludeManagementEvents": True}])

    def make_topic(self) -> None:
        self.client("sns").create_topic(Name="told")
        self.client("sns").subscribe(
            TopicArn=TOPIC, Protocol="lambda", Endpoint=f"arn:aws:lambda:{HOME}:{ACCOUNT}:function:f")

    def confirm(self) -> None:
        """Do what the e-mail asks for."""
        waiting: Any
        for waiting in sns_backends[ACCOUNT][HOME].subscriptions.values():
            self.client("sns").confirm_subscription(TopicArn=waiting.topic.arn, Token=waiting.token)

    def standing(self) -> dict[str, Any]:
        """What the action can create, dates left out."""
        filters = self.client("logs").describe_metric_filters()["metricFilters"]
        return {
            "filters": [{key: value for key, value in one.items() if key != "creationTime"} for one in filters],
            "alarms": {
                one["AlarmName"]: (one["Namespace"], one["MetricName"], one["Threshold"], one["AlarmActions"])
                for one in self.client("cloudwatch").describe_alarms()["MetricAlarms"]
            },
            "topics": [one["TopicArn"] for one in self.client("sns").list_topics()["Topics"]],
        }


@pytest.fixture
def cloud(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = Cloud(moto)
    real = BaseClient._make_api_call

    def intercept(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if not made.is_own(client):
            made.calls[operation] += 1
            made.regions.add(client.meta.region_name)
            if operation in made.refused:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)
        return real(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", intercept)
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    return made


def policy(events: dict[str, str] | None = None, **action: Any) -> dict[str, Any]:
    return {
        "name": "p", "resource": "aws.account",
        "filters": [{"type": "log-alarm", "events": events or EVENTS}],
        "actions": [{"type": "create-log-alarm", "topic": "told", **action}],
    }


def check(output: Path) -> list[str]:
    """What is missing."""
    found = engine.pull(policy(), output, dryrun=True)
    return found[0]["c7n:LogAlarm"] if found else []


def create(output: Path, **action: Any) -> dict[str, Any]:
    """Run the policy; returns the one receipt."""
    written = output / "p" / "action-create-log-alarm"
    written.unlink(missing_ok=True)
    with contextlib.suppress(FixIncomplete):
        engine.pull(policy(**action), output)
    [receipt] = json.loads(written.read_text(encoding="utf-8"))
    return receipt


def test_what_is_missing_is_created_where_the_trail_is_at_home_and_taken_back(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make_trail()
    cloud.make_topic()
    cloud.client("logs").put_metric_filter(
        logGroupName="audit", filterName="theirs", filterPattern="{ $.userIdentity.type = Root }",
        metricTransformations=[{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}])
    before = cloud.standing()
    assert check(tmp_path) == [
        "keys: no metric filter of audit matches these events",
        "root: the metric m has no alarm that a single event triggers",
    ]
    receipt = create(tmp_path)
    assert (receipt["outcome"], receipt["region"], receipt["resource"]) == ("reverted", HOME, ACCOUNT)
    after = cloud.standing()
    assert [one["filterName"] for one in after["filters"]] == ["guardrails-keys", "theirs"]
    assert after["alarms"] == {
        "guardrails-keys": ("guardrails", "keys", 1.0, [TOPIC]), "guardrails-root": ("n", "m", 1.0, [TOPIC])}
    assert after["topics"] == before["topics"]
    assert check(tmp_path) == []

    for call in receipt["inverse"]:
        getattr(cloud.client(call["service"]), call["operation"])(**call["parameters"])
    assert cloud.standing() == before


def test_nobody_is_told_until_the_address_has_confirmed(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make_trail()
    receipt = create(tmp_path, email="security@example.com")
    assert receipt["outcome"] == "partial"
    assert f"keys: the alarm guardrails-keys: the topic {TOPIC} has no confirmed subscription" in receipt["reason"]
    assert "security@example.com must confirm" in receipt["notes"][0]
    assert [one["operation"] for one in receipt["inverse"]][-1] == "delete_topic"
    made = cloud.standing()

    again = create(tmp_path, email="security@example.com")
    assert (again["outcome"], again["added"], again["inverse"]) == ("refused", [], [])
    assert "no confirmed subscription" in again["reason"]
    assert cloud.standing() == made
    assert len(cloud.client("sns").list_subscriptions()["Subscriptions"]) == 1

    cloud.confirm()
    assert check(tmp_path) == []


def test_without_a_trail_everything_is_refused_and_nothing_created(cloud: Cloud, tmp_path: Path) -> None:
    before = cloud.standing()
    receipt = create(tmp_path, email="security@example.com")
    assert (receipt["outcome"], receipt["region"]) == ("refused", REGION)
    assert "root: no multi-region trail delivers these events" in receipt["reason"]
    assert cloud.standing() == before


def test_an_alarm_without_its_metric_filter_is_not_made(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make_trail()
    cloud.make_topic()
    cloud.refused.add("PutMetricFilter")
    receipt = create(tmp_path)
    assert receipt["outcome"] == "failed"
    assert "keys: PutMetricFilter: AccessDenied" in receipt["reason"]
    assert cloud.standing()["alarms"] == {}
    cloud.refused = {"PutMetricAlarm"}
    receipt = create(tmp_path)
    assert receipt["outcome"] == "partial"
    assert [one["operation"] for one in receipt["inverse"]] == ["delete_metric_filter", "delete_metric_filter"]


@pytest.mark.parametrize("operation", [
    "DescribeTrails", "GetTrailStatus", "GetEventSelectors", "DescribeMetricFilters", "DescribeAlarmsForMetric",
    "GetTopicAttributes",
])
def test_what_cannot_be_read_is_an_error_and_no_verdict(cloud: Cloud, tmp_path: Path, operation: str) -> None:
    cloud.make_trail()
    cloud.make_topic()
    create(tmp_path)
    assert check(tmp_path) == []
    cloud.refused.add(operation)
    with pytest.raises(ClientError, match=operation):
        check(tmp_path)


def test_every_question_is_asked_once_and_in_the_home_region(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make_trail()
    cloud.make_topic()
    create(tmp_path)
    cloud.calls.clear()
    cloud.regions.clear()
    assert check(tmp_path) == []
    # Two classes of events, each with a metric of its own.
    assert cloud.calls == {
        "ListAccountAliases": 1, "DescribeTrails": 1, "GetTrailStatus": 1, "GetEventSelectors": 1,
        "DescribeMetricFilters": 1, "DescribeAlarmsForMetric": 2, "GetTopicAttributes": 1,
    }
    assert cloud.regions <= {HOME, REGION, "aws-global"}


def test_policies_of_one_run_share_what_was_read(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.make_trail()
    cache = {"cache": str(tmp_path / "cache"), "cache_period": 15}
    make = Config.empty
    monkeypatch.setattr(Config, "empty", lambda **options: make(**{**options, **cache}))
    for _ in range(2):
        assert len(check(tmp_path)) == 2
    assert cloud.calls["DescribeTrails"] == cloud.calls["DescribeMetricFilters"] == 1
    # The action asks anew, and what it found takes the place of the old.
    cloud.make_topic()
    create(tmp_path)
    assert check(tmp_path) == []


def test_metric_filters_on_a_second_page_count(cloud: Cloud, tmp_path: Path) -> None:
    cloud.make_trail()
    for number in range(60):
        cloud.client("logs").put_metric_filter(
            logGroupName="audit", filterName=f"f{number:02}",
            filterPattern="{ $.eventSource = * }" if number == 59 else "{ $.x = y }",
            metricTransformations=[{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}])
    assert check(tmp_path)[0] == "keys: the metric m has no alarm that a single event triggers"


@pytest.mark.parametrize(("data", "message"), [
    (policy({"keys": "$.a = "}), "the events keys: the pattern ends too early"),
    (policy({"keys": "{ $.a = b }"}), "cannot be parsed"),
    (policy({"keys": "$.a[*] = b && ($.c = d || $.e = " + "x" * 1100 + ")"}), "longer than 1024"),
    (policy({"keys": " && ".join(["($.a = x || $.b = y)"] * 20)}), "combinations"),
    ({**policy(), "filters": []}, "needs a log-alarm filter"),
    (policy(email="nobody"), "must be an e-mail address"),
    (policy(topic=f"arn:aws:sqs:{HOME}:{ACCOUNT}:q"), "topic must be the name or the ARN"),
])
def test_a_policy_that_makes_no_sense_is_refused(
    moto: Moto, tmp_path: Path, data: dict[str, Any], message: str
) -> None:
    with pytest.raises(PolicyValidationError, match=message):
        engine.load(data, tmp_path)


def test_placeholders_that_are_not_filled_in_are_valid(moto: Moto, tmp_path: Path) -> None:
    engine.load(policy(topic="{monitoring_topic}", email="{monitoring_email}"), tmp_path)
