"""Compares what fixes change in CloudWatch and SNS: metric filters, alarms and topics.

Source: CloudWatch Logs' DescribeMetricFilters, CloudWatch's DescribeAlarms, SNS's ListSubscriptionsByTopic.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from custom_actions.aws import absent, call
from custom_actions.fixing import contains

from .base import AS_FIXED, BACK, Observation, Parameters, Reads, Receipt, added_to, changed, created


def _filter(client: Any, parameters: Parameters) -> Mapping[str, Any] | None:
    group, name = parameters["logGroupName"], parameters["filterName"]
    pages = absent(
        lambda: list(client.get_paginator("describe_metric_filters").paginate(
            logGroupName=group, filterNamePrefix=name)), "ResourceNotFoundException")
    return next((each for page in pages or () for each in page["metricFilters"] if each["filterName"] == name), None)


def _metric_filter(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    """A metric filter that the fix replaced, or created: then the call deletes it."""
    name, now = parameters["filterName"], _filter(client, parameters)
    if "filterPattern" in parameters and now and contains(now, parameters):
        return BACK
    wanted = _added(
        receipt, call="logs:put_metric_filter", filterName=name, logGroupName=parameters["logGroupName"])
    return _put(now, wanted, f"the metric filter {name}", replaced="filterPattern" in parameters)


def _alarm(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    """An alarm that the fix replaced, or created: then the call deletes it."""
    [name] = parameters.get("AlarmNames") or [parameters["AlarmName"]]
    found = call(client.describe_alarms, AlarmNames=[name], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    now = found[0] if found else None
    if "ComparisonOperator" in parameters and now and contains(now, parameters):
        return BACK
    return _put(
        now, _added(receipt, call="cloudwatch:put_metric_alarm", AlarmName=name), f"the alarm {name}",
        replaced="ComparisonOperator" in parameters, unset=("OKActions", "InsufficientDataActions"))


def _added(receipt: Receipt, **named: Any) -> list[Mapping[str, Any]]:
    """The parameters of the calls of the fix that have these values."""
    return [{key: value for key, value in each.items() if key != "call"} for each in added_to(receipt, **named)]


def _put(
    now: Mapping[str, Any] | None, wanted: list[Mapping[str, Any]], what: str, *, replaced: bool,
    unset: Sequence[str] = ()
) -> Observation:
    """`replaced`: whether it existed before the fix."""
    if replaced and now is None:
        return changed(f"{what} no longer exists")
    return created(now, wanted, what, unset=unset)


def _topic(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    """Deleting a topic deletes its subscriptions. Nobody but the fix may have added one."""
    topic = parameters["TopicArn"]
    pages = absent(
        lambda: list(client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)), "NotFound")
    if pages is None:
        return BACK
    ours = [each["Endpoint"] for each in added_to(receipt, call="sns:subscribe", TopicArn=topic)]
    others = [each["Endpoint"] for page in pages for each in page["Subscriptions"] if each["Endpoint"] not in ours]
    return changed(f"{topic} has other subscribers: {', '.join(others)}") if others else AS_FIXED


MONITORING: Reads = {
    ("logs", "put_metric_filter"): _metric_filter,
    ("logs", "delete_metric_filter"): _metric_filter,
    ("cloudwatch", "put_metric_alarm"): _alarm,
    ("cloudwatch", "delete_alarms"): _alarm,
    ("sns", "delete_topic"): _topic,
}
