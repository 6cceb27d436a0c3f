"""Which link is missing between an event in an account and a person who is notified of it.

A trail writes the event to a log group, a metric filter counts it there, an alarm watches the count, and a topic with a
confirmed subscription sends the alarm. All data comes from a `Source`; nothing here depends on AWS or c7n.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Protocol

from .pattern import Expression, PatternError, covers, parse, sources

Item = Mapping[str, Any]


class Link(IntEnum):
    """The links, in the order in which an event passes them."""

    TRAIL = 0
    FILTER = 1
    ALARM = 2
    ACTION = 3
    SUBSCRIPTION = 4
    NONE = 5
    """No link is missing."""


@dataclass(frozen=True)
class LogGroup:
    """The log group that a trail writes to."""

    region: str
    name: str
    partition: str = "aws"


@dataclass(frozen=True)
class Metric:
    """The metric that a metric filter publishes; `value` is added for each event."""

    region: str
    namespace: str
    name: str
    value: float = 1.0
    unit: str = "None"
    has_default: bool = False
    """Whether it has a value when there is no event."""


class Unreadable(Exception):
    """A resource of another account cannot be read from here; the message says why."""


class Source(Protocol):
    """The data of AWS, in the format of the API's responses."""

    account: str

    def trails(self) -> Sequence[Item]:
        """DescribeTrails."""

    def is_logging(self, trail: Item) -> bool:
        """GetTrailStatus."""

    def selectors(self, trail: Item) -> Item:
        """GetEventSelectors."""

    def metric_filters(self, group: LogGroup) -> Sequence[Item] | None:
        """DescribeMetricFilters; None when the log group does not exist."""

    def alarms(self, metric: Metric) -> Sequence[Item]:
        """DescribeAlarmsForMetric."""

    def topic(self, arn: str) -> Item | None:
        """GetTopicAttributes; None when the topic does not exist. Raises Unreadable for a topic of another account."""


@dataclass(frozen=True)
class Verdict:
    """The first missing link, and the part of the chain before it."""

    missing: Link
    reason: str = ""
    group: LogGroup | None = None
    metric: Metric | None = None
    """The metric that counts the events, for an alarm to watch."""
    unknown: tuple[str, ...] = ()
    """What could not be evaluated, and might be the missing link."""

    def __str__(self) -> str:
        return f"{self.reason} (not evaluated: {'; '.join(self.unknown)})" if self.unknown else self.reason


def judge(events: Expression, source: Source) -> Verdict:
    """Follow the events from the trails to a subscription on every path; the path that leads furthest counts."""
    unknown: list[str] = []
    groups, reasons = _log_groups(events, source, unknown)
    best = Verdict(Link.TRAIL, reasons)
    if groups:
        names = ", ".join(group.name for group in groups)
        best = Verdict(Link.FILTER, f"no metric filter of {names} matches these events", groups[0])
    for group in groups:
        for verdict in _ways(events, group, source, unknown):
            if verdict.missing is Link.NONE:
                return verdict
            best = verdict if verdict.missing >= best.missing else best
    return replace(best, unknown=tuple(dict.fromkeys(unknown)))


def _log_groups(events: Expression, source: Source, unknown: list[str]) -> tuple[list[LogGroup], str]:
    """The log groups that certainly receive the events; and why the other trails do not deliver them."""
    named = sources(events)
    groups, reasons = [], []
    for trail in source.trails():
        name, arn = trail["Name"], trail.get("CloudWatchLogsLogGroupArn") or ""
        if not trail.get("IsMultiRegionTrail"):
            reasons.append(f"{name}: is not multi-region")
        elif not arn:
            reasons.append(f"{name}: has no log group")
        elif arn.split(":")[4] != source.account:
            unknown.append(f"{name}: writes to a log group of account {arn.split(':')[4]}")
        elif not source.is_logging(trail):
            reasons.append(f"{name}: is not logging")
        elif (left_out := left_out_by(source.selectors(trail))) is None:
            reasons.append(f"{name}: does not record all management events")
        elif left_out & named:
            reasons.append(f"{name}: excludes {', '.join(sorted(left_out & named))}")
        elif source.metric_filters(group := _group_of(arn)) is None:
            reasons.append(f"{name}: its log group {group.name} does not exist")
        else:
            groups.append(group)
    return list(dict.fromkeys(groups)), "; ".join(
        ["no multi-region trail delivers these events to a log group of this account", *reasons])


def _group_of(arn: str) -> LogGroup:
    _, partition, _, region, _, _, name, *_ = arn.split(":")
    return LogGroup(region, name, partition)


def left_out_by(selectors: Item) -> frozenset[str] | None:
    """The services whose management events a trail excludes; None when it excludes other events too.

    Args:
        selectors: the response of GetEventSelectors. One selector may record what another excludes.
    """
    found = [
        frozenset(selector.get("ExcludeManagementEventSources") or ())
        for selector in selectors.get("EventSelectors") or ()
        if selector.get("IncludeManagementEvents") and selector.get("ReadWriteType") == "All"
    ]
    for selector in selectors.get("AdvancedEventSelectors") or ():
        fields = [
            (part["Field"], {key: value for key, value in part.items() if key != "Field" and value})
            for part in selector["FieldSelectors"]
        ]
        others = [tests for name, tests in fields if (name, tests) != ("eventCategory", {"Equals": ["Management"]})]
        excluded = [tests for name, tests in fields if name == "eventSource" and list(tests) == ["NotEquals"]]
        if len(others) < len(fields) and others == excluded:
            found.append(frozenset(source for tests in excluded for source in tests["NotEquals"]))
    return frozenset.intersection(*found) if found else None


def _ways(events: Expression, group: LogGroup, source: Source, unknown: list[str]) -> list[Verdict]:
    """How far the events get through each metric filter of the log group, and each alarm on its metrics."""
    verdicts: list[Verdict] = []
    for found in source.metric_filters(group) or ():
        named = f"metric filter {found['filterName']}"
        if (caught := catches(found, events)) is None:
            unknown.append(f"{named}: its pattern")
        if not caught:
            continue
        for metric, problem in metrics_of(found, group.region):
            if metric is None:
                verdicts.append(Verdict(Link.FILTER, f"{named} matches them, but {problem}", group))
            else:
                verdicts += _alarmed(metric, group, source, unknown)
    return verdicts


def catches(found: Item, events: Expression) -> bool | None:
    """Whether a metric filter counts all of the events; None when this cannot be determined."""
    try:
        answer = covers(parse(found.get("filterPattern") or ""), events)
    except PatternError:
        return None
    # With either, the pattern is applied to changed events, or to fewer events.
    changed = found.get("applyOnTransformedLogs") or found.get("fieldSelectionCriteria")
    return None if answer and changed else answer


def metrics_of(found: Item, region: str) -> list[tuple[Metric | None, str]]:
    """The metrics of a metric filter; None, and the reason, for one that cannot be used in an alarm on all events."""
    metrics: list[tuple[Metric | None, str]] = []
    for made in found.get("metricTransformations") or ():
        name = made["metricName"]
        if made.get("dimensions") or found.get("emitSystemFieldDimensions"):
            metrics.append((None, f"splits its metric {name} by dimensions"))
            continue
        try:
            value = float(made["metricValue"])
        except ValueError:
            value = 0.0
        if value <= 0:
            metrics.append((None, f"has the metric value {made['metricValue']}, which is not a number above 0"))
            continue
        metrics.append((Metric(
            region, made["metricNamespace"], name, value, made.get("unit") or "None",
            has_default=made.get("defaultValue") is not None,
        ), ""))
    return metrics


def _alarmed(metric: Metric, group: LogGroup, source: Source, unknown: list[str]) -> list[Verdict]:
    """How far the events get after they are counted."""
    verdicts = [
        Verdict(Link.ALARM, f"the metric {metric.name} has no alarm that a single event triggers", group, metric)]
    for alarm in source.alarms(metric):
        if not fires(alarm, metric):
            continue
        name, topics = alarm["AlarmName"], topics_of(alarm)
        if not alarm.get("ActionsEnabled"):
            verdicts.append(Verdict(Link.ACTION, f"the alarm {name} has its actions disabled", group, metric))
        elif not topics:
            verdicts.append(Verdict(Link.ACTION, f"the alarm {name} has no topic among its actions", group, metric))
        for topic in topics if alarm.get("ActionsEnabled") else ():
            try:
                problem = problem_of(topic, source.topic(topic))
            except Unreadable as error:
                unknown.append(f"alarm {name}: {error}")
                problem = f"the topic {topic} belongs to another account"
            if not problem:
                return [Verdict(Link.NONE, group=group, metric=metric)]
            verdicts.append(Verdict(Link.SUBSCRIPTION, f"the alarm {name}: {problem}", group, metric))
    return verdicts


def fires(alarm: Item, metric: Metric) -> bool:
    """Whether a single event certainly triggers the alarm, and no event does not."""
    operator, threshold = alarm.get("ComparisonOperator"), alarm.get("Threshold")
    statistic = alarm.get("Statistic")
    one_period = (alarm.get("DatapointsToAlarm") or alarm.get("EvaluationPeriods")) == 1
    same_data = not alarm.get("Dimensions") and (alarm.get("Unit") or metric.unit) == metric.unit
    # When the metric has a default value, these statistics include it.
    telling = statistic in ("Sum", "Maximum") or (
        statistic in ("Average", "Minimum", "SampleCount") and not metric.has_default)
    if threshold is None or alarm.get("TreatMissingData") == "breaching" or not (one_period and same_data and telling):
        return False
    reached = 1.0 if statistic == "SampleCount" else metric.value
    if operator == "GreaterThanOrEqualToThreshold":
        return bool(0 < threshold <= reached)
    return bool(operator == "GreaterThanThreshold" and 0 <= threshold < reached)


def topics_of(alarm: Item) -> list[str]:
    """The topics among the actions of an alarm."""
    return [action for action in alarm.get("AlarmActions") or () if action.split(":")[2:3] == ["sns"]]


def problem_of(arn: str, attributes: Item | None) -> str:
    """Why a topic does not notify anyone; empty when it does."""
    if attributes is None:
        return f"the topic {arn} does not exist"
    if str(attributes.get("KmsMasterKeyId") or "").endswith("alias/aws/sns"):
        # CloudWatch cannot use the key that AWS manages for SNS, and its key policy cannot be changed.
        return f"the topic {arn} is encrypted with the key alias/aws/sns, so CloudWatch cannot publish to it"
    if int(attributes.get("SubscriptionsConfirmed") or 0) < 1:
        return f"the topic {arn} has no confirmed subscription"
    return ""
