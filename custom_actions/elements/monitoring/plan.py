"""The plan that creates the missing links of a monitoring path. Pure: no AWS, no c7n.

Only what is missing is created, under our own names; resources with other names are never changed. A resource with our
name and other settings is replaced, and the inverse restores it.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...fixing import Call
from .chain import Item, Link, LogGroup, Metric, Source, Unreadable, Verdict, fires, topics_of
from .pattern import whole

TOPIC = ""
"""The `events` of a step for the topic, which all classes of events share."""

ALARM_SETTINGS = (
    "AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions",
    "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit", "EvaluationPeriods",
    "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "EvaluateLowSampleCountPercentile",
    "Metrics", "ThresholdMetricId",
)
"""The settings that are both in DescribeAlarms and in PutMetricAlarm."""
FILTER_SETTINGS = (
    "logGroupName", "filterName", "filterPattern", "metricTransformations", "applyOnTransformedLogs",
    "fieldSelectionCriteria", "emitSystemFieldDimensions",
)
"""The settings that are both in DescribeMetricFilters and in PutMetricFilter."""


class OwnSource(Source, Protocol):
    """A source that also has the resources with our own names."""

    def alarm(self, region: str, name: str) -> Item | None:
        """DescribeAlarms; None when there is no alarm of that name."""

    def is_subscribed(self, topic: str, email: str) -> bool:
        """ListSubscriptionsByTopic: whether the address is subscribed, confirmed or not."""


@dataclass(frozen=True)
class Settings:
    """The settings in a policy for the resources to create."""

    topic: str
    """A topic's name, or its ARN."""
    email: str = ""
    """An address to subscribe when a topic notifies no one; empty for none."""
    namespace: str = "guardrails"
    """The metrics' namespace, and the prefix of the names of metric filters and alarms."""

    def topic_for(self, group: LogGroup, account: str) -> str:
        """The topic's ARN; a name refers to a topic of this account in the log group's region."""
        if self.topic.startswith("arn:"):
            return self.topic
        return f"arn:{group.partition}:sns:{group.region}:{account}:{self.topic}"


@dataclass(frozen=True)
class AlarmStep:
    """One call, what it replaces, and the calls that undo it."""

    events: str
    """The class of events to which it belongs."""
    call: Call
    replaced: Mapping[str, Any] = field(default_factory=dict)
    inverse: tuple[Call, ...] = ()
    note: str = ""


@dataclass
class AlarmPlan:
    """What to create in one region, in order, and what cannot be created."""

    region: str
    steps: list[AlarmStep] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    """The classes of events in it."""
    refused: dict[str, str] = field(default_factory=dict)
    """The classes of events for which nothing is done, with the reason."""

    def lines(self) -> list[str]:
        """The plan in words, one line for each step."""
        return [self.line(step) for step in self.steps]

    @staticmethod
    def line(step: AlarmStep) -> str:
        """One step in words."""
        return f"{step.call.service}:{step.call.operation} {_named(step.call)}"


def plan_alarms(
    missing: Mapping[str, Verdict], patterns: Mapping[str, str], settings: Settings, source: OwnSource, region: str
) -> list[AlarmPlan]:
    """A plan for each region in which something is missing; if there is none, one without steps for `region`.

    Args:
        missing: the classes of events that lack a link.
        patterns: the pattern of each class, without its outer braces.
        region: the region in which the policy runs; what belongs to no region is refused there.
    """
    plans: dict[str, AlarmPlan] = {}
    refused: dict[str, str] = {}
    for events, verdict in missing.items():
        group = verdict.group
        if group is None:
            refused[events] = str(verdict)
            continue
        topic = settings.topic_for(group, source.account)
        if topic.split(":")[3] != group.region:
            refused[events] = f"an alarm in {group.region} cannot notify the topic {topic} of another region"
            continue
        if group.region not in plans:
            plans[group.region] = AlarmPlan(group.region, _topic_steps(topic, settings, source))
        plans[group.region].steps += _steps(events, verdict, group, topic, patterns[events], settings, source)
        plans[group.region].events.append(events)
    found = list(plans.values()) or [AlarmPlan(region)]
    found[0].refused = refused
    return found


def _topic_steps(topic: str, settings: Settings, source: OwnSource) -> list[AlarmStep]:
    """Create the topic, and subscribe the address, when the topic notifies no one yet."""
    try:
        attributes = source.topic(topic)
    except Unreadable:
        return []
    steps = []
    if attributes is None and topic.split(":")[4] == source.account:
        steps.append(AlarmStep(
            TOPIC, Call("sns", "create_topic", {"Name": topic.split(":")[5]}),
            inverse=(Call("sns", "delete_topic", {"TopicArn": topic}),),
        ))
    told = attributes is not None and int(attributes.get("SubscriptionsConfirmed") or 0) > 0
    if settings.email and not told and not (attributes is not None and source.is_subscribed(topic, settings.email)):
        steps.append(AlarmStep(
            TOPIC, Call("sns", "subscribe", {"TopicArn": topic, "Protocol": "email", "Endpoint": settings.email}),
            note=f"{settings.email} must confirm the subscription to {topic}; until then it cannot be deleted, and it "
                 "expires after some days",
        ))
    return steps


def _steps(
    events: str, verdict: Verdict, group: LogGroup, topic: str, pattern: str, settings: Settings, source: OwnSource
) -> list[AlarmStep]:
    """Count the events, unless a metric filter does, and watch the count, unless an alarm with the topic does."""
    name = f"{settings.namespace}-{events}"
    steps, metric = [], verdict.metric
    if metric is None:
        metric = Metric(group.region, settings.namespace, events)
        before = next((found for found in source.metric_filters(group) or () if found["filterName"] == name), None)
        steps.append(_put(
            events, "logs", "put_metric_filter",
            {
                "logGroupName": group.name, "filterName": name, "filterPattern": whole(pattern),
                "metricTransformations": [
                    {"metricNamespace": metric.namespace, "metricName": metric.name, "metricValue": "1"}],
            },
            _settings(before, FILTER_SETTINGS),
            Call("logs", "delete_metric_filter", {"logGroupName": group.name, "filterName": name}),
        ))
    if verdict.missing < Link.ALARM or not any(
        fires(alarm, metric) and alarm.get("ActionsEnabled") and topic in topics_of(alarm)
        for alarm in source.alarms(metric)
    ):
        before = source.alarm(group.region, name)
        steps.append(_put(
            events, "cloudwatch", "put_metric_alarm",
            {
                "AlarmName": name, "AlarmDescription": f"{events} in the log group {group.name}",
                "Namespace": metric.namespace, "MetricName": metric.name,
                "Statistic": "Sum", "Period": 300, "EvaluationPeriods": 1,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": min(1.0, metric.value),
                # Back to OK when nothing happens, so that the next event notifies again.
                "TreatMissingData": "notBreaching",
                "ActionsEnabled": True, "AlarmActions": [topic],
            },
            _settings(before, ALARM_SETTINGS),
            Call("cloudwatch", "delete_alarms", {"AlarmNames": [name]}),
        ))
    return steps


def _put(
    events: str, service: str, operation: str, parameters: dict[str, Any], before: dict[str, Any], delete: Call
) -> AlarmStep:
    """A put; its inverse is the put of what it replaces, or else the deletion."""
    inverse = Call(service, operation, before) if before else delete
    return AlarmStep(events, Call(service, operation, parameters), before, (inverse,))


def _settings(item: Item | None, names: Sequence[str]) -> dict[str, Any]:
    """The settings to put to restore an item; empty when there was none."""
    return {name: item[name] for name in names if item.get(name) not in (None, [], {})} if item else {}


def _named(made: Call) -> str:
    for key in ("AlarmName", "filterName", "Name", "Endpoint"):
        if key in made.parameters:
            return str(made.parameters[key])
    return ""
