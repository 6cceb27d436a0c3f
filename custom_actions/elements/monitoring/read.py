"""Reading the monitoring path from AWS: each call once, and only the calls that are needed.

Source: CloudTrail's DescribeTrails, GetTrailStatus and GetEventSelectors, CloudWatch Logs' DescribeMetricFilters,
CloudWatch's DescribeAlarmsForMetric and DescribeAlarms, SNS's GetTopicAttributes and ListSubscriptionsByTopic; each
in the trail's home region.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ...aws import call, code_of, reason_of
from .chain import Item, LogGroup, Metric, Unreadable

_DENIED = ("AuthorizationError", "AuthorizationErrorException", "AccessDenied", "AccessDeniedException")
_GONE = ("NotFound", "NotFoundException", "ResourceNotFoundException")


class AwsSource:
    """The `chain.Source` of an account.

    Args:
        session: c7n's session.
        account: the account's id.
        region: the region in which the policy runs; it lists the trails of other regions too.
        cache: c7n's cache, so that the policies of one run share what was read.
        fresh: read AWS even when the data is in the cache, and replace it there.
    """

    def __init__(self, session: Any, account: str, region: str, cache: Any, *, fresh: bool = False) -> None:
        self.account = account
        self._session, self._region, self._cache, self._fresh = session, region, cache, fresh
        self._known: dict[str, Any] = {}
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str) -> Any:
        """A boto3 client; making one takes longer than most calls."""
        if (service, region) not in self._clients:
            self._clients[service, region] = self._session.client(service, region_name=region)
        return self._clients[service, region]

    def trails(self) -> Sequence[Item]:
        return self._once("trails", lambda: call(
            self.client("cloudtrail", self._region).describe_trails)["trailList"])

    def is_logging(self, trail: Item) -> bool:
        arn = trail["TrailARN"]
        return self._once(f"status {arn}", lambda: call(self._home(trail).get_trail_status, Name=arn)["IsLogging"])

    def selectors(self, trail: Item) -> Item:
        arn = trail["TrailARN"]

        def read() -> Item:
            answer = call(self._home(trail).get_event_selectors, TrailName=arn)
            return {key: answer.get(key) for key in ("EventSelectors", "AdvancedEventSelectors")}

        return self._once(f"selectors {arn}", read)

    def metric_filters(self, group: LogGroup) -> Sequence[Item] | None:
        def read() -> list[Item] | None:
            found: list[Item] = []
            token: dict[str, str] = {}
            while True:
                try:
                    page = call(self.client("logs", group.region).describe_metric_filters,
                                logGroupName=group.name, **token)
                except ClientError as error:
                    if code_of(error) in _GONE:
                        return None
                    raise
                found += page["metricFilters"]
                if not page.get("nextToken"):
                    return found
                token = {"nextToken": page["nextToken"]}

        return self._once(f"filters {group.region} {group.name}", read)

    def alarms(self, metric: Metric) -> Sequence[Item]:
        return self._once(f"alarms {metric.region} {metric.namespace} {metric.name}", lambda: call(
            self.client("cloudwatch", metric.region).describe_alarms_for_metric,
            Namespace=metric.namespace, MetricName=metric.name)["MetricAlarms"])

    def topic(self, arn: str) -> Item | None:
        region, account = arn.split(":")[3:5]

        def read() -> Item | None:
            try:
                return dict(call(self.client("sns", region).get_topic_attributes, TopicArn=arn)["Attributes"])
            except ClientError as error:
                if code_of(error) in _GONE:
                    return None
                if account != self.account and code_of(error) in _DENIED:
                    raise Unreadable(f"the topic {arn} of account {account}: {reason_of(error)}") from None
                raise

        return self._once(f"topic {arn}", read)

    def alarm(self, region: str, name: str) -> Item | None:
        found = call(self.client("cloudwatch", region).describe_alarms, AlarmNames=[name], AlarmTypes=["MetricAlarm"])
        return next(iter(found["MetricAlarms"]), None)

    def is_subscribed(self, topic: str, email: str) -> bool:
        pages = self.client("sns", topic.split(":")[3]).get_paginator("list_subscriptions_by_topic")
        return any(
            (subscription["Protocol"], subscription["Endpoint"].lower()) == ("email", email.lower())
            for page in call(lambda: list(pages.paginate(TopicArn=topic))) for subscription in page["Subscriptions"]
        )

    def _home(self, trail: Item) -> Any:
        return self.client("cloudtrail", trail.get("HomeRegion") or trail["TrailARN"].split(":")[3])

    def _once(self, question: str, read: Callable[[], Any]) -> Any:
        if question in self._known:
            return self._known[question]
        key = {"log-alarm": question, "account": self.account, "region": self._region}
        with self._cache:
            answer = None if self._fresh else self._cache.get(key)
            if answer is None:
                # In a mapping, because the cache does not distinguish None from a missing entry.
                answer = {"is": read()}
                self._cache.save(key, answer)
        self._known[question] = answer["is"]
        return answer["is"]
