"""Which link is missing, decided on what AWS is made to say."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from custom_actions.elements.monitoring.chain import (
    Item,
    Link,
    LogGroup,
    Metric,
    Unreadable,
    fires,
    judge,
    left_out_by,
    metrics_of,
    problem_of,
    topics_of,
)
from custom_actions.elements.monitoring.pattern import parse_conditions
from custom_actions.elements.monitoring.plan import Settings, plan_alarms

ACCOUNT, OTHER, REGION = "123456789012", "210987654321", "eu-west-1"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:told"
EVENTS = "$.eventSource = kms.amazonaws.com && $.eventName = DisableKey"
ALL = [{"ReadWriteType": "All", "IncludeManagementEvents": True}]
MANAGEMENT = {"Field": "eventCategory", "Equals": ["Management"]}


def trail(name: str = "audit", **settings: Any) -> dict[str, Any]:
    return {
        "Name": name, "TrailARN": f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{name}", "HomeRegion": REGION,
        "IsMultiRegionTrail": True, "logging": True, "selectors": {"EventSelectors": ALL},
        "CloudWatchLogsLogGroupArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*", **settings,
    }


def metric_filter(pattern: str = f"{{ {EVENTS} }}", **settings: Any) -> dict[str, Any]:
    made = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    return {"filterName": "f", "logGroupName": "audit", "filterPattern": pattern, "metricTransformations": [made],
            **settings}


def alarm(name: str = "a", **settings: Any) -> dict[str, Any]:
    return {
        "AlarmName": name, "Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 300,
        "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": 1.0,
        "ActionsEnabled": True, "AlarmActions": [TOPIC], "Dimensions": [], **settings,
    }


class Said:
    """A source that says what a test made it say; by default the whole path stands."""

    account = ACCOUNT

    def __init__(self, **said: Any) -> None:
        self.said: dict[str, Any] = {
            "trails": [trail()], "filters": {"audit": [metric_filter()]}, "alarms": [alarm()],
            "topics": {TOPIC: {"SubscriptionsConfirmed": "1"}}, "subscribed": [], **said,
        }

    def trails(self) -> Sequence[Item]:
        return list(self.said["trails"])

    def is_logging(self, found: Item) -> bool:
        return bool(found["logging"])

    def selectors(self, found: Item) -> Item:
        return dict(found["selectors"])

    def metric_filters(self, group: LogGroup) -> Sequence[Item] | None:
        assert group.region == REGION
        return self.said["filters"].get(group.name)

    def alarms(self, metric: Metric) -> Sequence[Item]:
        return [one for one in self.said["alarms"] if (one["Namespace"], one["MetricName"]) == (
            metric.namespace, metric.name)]

    def topic(self, arn: str) -> Item | None:
        if arn.split(":")[4] != ACCOUNT:
            raise Unreadable(f"the topic {arn} of another account")
        return self.said["topics"].get(arn)

    def alarm(self, region: str, name: str) -> Item | None:
        return next((one for one in self.said["alarms"] if one["AlarmName"] == name), None)

    def is_subscribed(self, topic: str, email: str) -> bool:
        return email in self.said["subscribed"]


def missing(**said: Any) -> tuple[Link, str]:
    verdict = judge(parse_conditions(EVENTS), Said(**said))
    return verdict.missing, str(verdict)


def test_the_whole_path() -> None:
    assert missing() == (Link.NONE, "")
    # One way is enough, whatever the others lack.
    assert missing(
        trails=[trail("off", logging=False), trail("foreign", CloudWatchLogsLogGroupArn=(
            f"arn:aws:logs:{REGION}:{OTHER}:log-group:x:*")), trail()],
        filters={"audit": [metric_filter("ERROR"), metric_filter("{ $.a = b }"), metric_filter()]},
        alarms=[alarm("off", ActionsEnabled=False), alarm("high", Threshold=5.0), alarm()],
    ) == (Link.NONE, "")


@pytest.mark.parametrize(("settings", "reason"), [
    ({"IsMultiRegionTrail": False}, "is not multi-region"),
    ({"CloudWatchLogsLogGroupArn": None}, "has no log group"),
    ({"logging": False}, "is not logging"),
    ({"selectors": {"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]}},
     "does not record all management events"),
    ({"selectors": {"EventSelectors": [{**ALL[0], "ExcludeManagementEventSources": ["kms.amazonaws.com"]}]}},
     "excludes kms.amazonaws.com"),
    ({"CloudWatchLogsLogGroupArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:gone:*"},
     "its log group gone does not exist"),
])
def test_a_trail_that_does_not_bring_the_events(settings: dict[str, Any], reason: str) -> None:
    link, said = missing(trails=[trail(**settings)])
    assert link is Link.TRAIL
    assert said.endswith(f"audit: {reason}")


def test_what_a_trail_leaves_out_matters_only_to_the_events_of_that_service() -> None:
    source = Said(trails=[trail(selectors={
        "EventSelectors": [{**ALL[0], "ExcludeManagementEventSources": ["rdsdata.amazonaws.com"]}]})])
    assert judge(parse_conditions(EVENTS), source).missing is Link.NONE


def test_no_trail_and_a_log_group_of_another_account() -> None:
    assert missing(trails=[]) == (
        Link.TRAIL, "no multi-region trail delivers these events to a log group of this account")
    link, said = missing(trails=[trail(CloudWatchLogsLogGroupArn=f"arn:aws:logs:{REGION}:{OTHER}:log-group:x:*")])
    assert link is Link.TRAIL
    assert f"not evaluated: audit: writes to a log group of account {OTHER}" in said


@pytest.mark.parametrize(("found", "reason"), [
    ([], "no metric filter of audit matches these events"),
    ([metric_filter("{ $.eventName = EnableKey }")], "no metric filter of audit matches these events"),
    ([metric_filter("DisableKey")],
     "no metric filter of audit matches these events (not evaluated: metric filter f: its pattern)"),
    ([metric_filter("{ $.eventName = %Disable.*% }")],
     "no metric filter of audit matches these events (not evaluated: metric filter f: its pattern)"),
    ([metric_filter(fieldSelectionCriteria='@aws.region = "us-east-1"')],
     "no metric filter of audit matches these events (not evaluated: metric filter f: its pattern)"),
    ([metric_filter(emitSystemFieldDimensions=["@aws.account"])],
     "metric filter f matches them, but splits its metric m by dimensions"),
    ([metric_filter(metricTransformations=[{"metricName": "m", "metricNamespace": "n", "metricValue": "$.size"}])],
     "metric filter f matches them, but has the metric value $.size, which is not a number above 0"),
])
def test_no_metric_filter_that_counts(found: list[dict[str, Any]], reason: str) -> None:
    assert missing(filters={"audit": found}) == (Link.FILTER, reason)


@pytest.mark.parametrize(("alarms", "link", "reason"), [
    ([], Link.ALARM, "the metric m has no alarm that a single event triggers"),
    ([alarm(MetricName="other")], Link.ALARM, "the metric m has no alarm that a single event triggers"),
    ([alarm(Threshold=2.0)], Link.ALARM, "the metric m has no alarm that a single event triggers"),
    ([alarm(ActionsEnabled=False)], Link.ACTION, "the alarm a has its actions disabled"),
    ([alarm(AlarmActions=["arn:aws:automate:eu-west-1:ec2:stop"])], Link.ACTION,
     "the alarm a has no topic among its actions"),
    ([alarm(AlarmActions=[TOPIC + "x"])], Link.SUBSCRIPTION, f"the alarm a: the topic {TOPIC}x does not exist"),
    ([alarm(AlarmActions=[TOPIC.replace(ACCOUNT, OTHER)])], Link.SUBSCRIPTION, "not evaluated: alarm a: the topic"),
])
def test_no_alarm_that_tells(alarms: list[dict[str, Any]], link: Link, reason: str) -> None:
    found, said = missing(alarms=alarms)
    assert found is link
    assert reason in said


@pytest.mark.parametrize(("settings", "answer"), [
    ({}, True),
    ({"Threshold": 0.5}, True),
    ({"Threshold": 0.0}, False),
    ({"ComparisonOperator": "GreaterThanThreshold"}, False),
    ({"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0.0}, True),
    ({"ComparisonOperator": "LessThanThreshold"}, False),
    ({"EvaluationPeriods": 3}, False),
    ({"EvaluationPeriods": 3, "DatapointsToAlarm": 1}, True),
    ({"Statistic": "Average"}, True),
    ({"Statistic": None, "ExtendedStatistic": "p90"}, False),
    ({"Dimensions": [{"Name": "d", "Value": "x"}]}, False),
    ({"Unit": "None"}, True),
    ({"Unit": "Bytes"}, False),
    ({"TreatMissingData": "breaching"}, False),
    ({"Threshold": None, "Metrics": [{"Id": "m"}]}, False),
])
def test_whether_one_event_sets_an_alarm_off(settings: dict[str, Any], answer: bool) -> None:
    assert fires(alarm(**settings), Metric(REGION, "n", "m")) is answer


def test_a_default_value_makes_averages_and_counts_say_nothing() -> None:
    [(metric, _)] = metrics_of(metric_filter(metricTransformations=[
        {"metricName": "m", "metricNamespace": "n", "metricValue": "10", "defaultValue": 0.0}]), REGION)
    assert metric
    assert fires(alarm(Threshold=10.0), metric)
    assert fires(alarm(Statistic="Maximum"), metric)
    assert not any(fires(alarm(Statistic=statistic), metric) for statistic in ("Average", "Minimum", "SampleCount"))
    assert not fires(alarm(Statistic="SampleCount", Threshold=2.0), Metric(REGION, "n", "m", value=10.0))


@pytest.mark.parametrize(("selectors", "answer"), [
    ({}, None),
    ({"EventSelectors": [], "AdvancedEventSelectors": None}, None),
    ({"EventSelectors": ALL}, frozenset()),
    ({"EventSelectors": [{**ALL[0], "IncludeManagementEvents": False}]}, None),
    ({"EventSelectors": [{**ALL[0], "ExcludeManagementEventSources": ["k", "r"]},
                         {**ALL[0], "ExcludeManagementEventSources": ["k"]}]}, {"k"}),
    ({"AdvancedEventSelectors": [{"FieldSelectors": [MANAGEMENT]}]}, frozenset()),
    ({"AdvancedEventSelectors": [{"FieldSelectors": [
        MANAGEMENT, {"Field": "eventSource", "NotEquals": ["k"], "Equals": []}]}]}, {"k"}),
    ({"AdvancedEventSelectors": [{"FieldSelectors": [MANAGEMENT, {"Field": "readOnly", "Equals": ["false"]}]}]}, None),
    ({"AdvancedEventSelectors": [{"FieldSelectors": [MANAGEMENT, {"Field": "eventSource", "Equals": ["k"]}]}]}, None),
    ({"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]}, None),
])
def test_what_a_trail_leaves_out(selectors: dict[str, Any], answer: Any) -> None:
    assert left_out_by(selectors) == answer


def test_topics() -> None:
    assert topics_of(alarm(AlarmActions=[TOPIC, "arn:aws:ssm:eu-west-1:123456789012:opsitem:1"])) == [TOPIC]
    assert problem_of(TOPIC, {"SubscriptionsConfirmed": "2"}) == ""
    waiting = {"SubscriptionsConfirmed": "0", "SubscriptionsPending": "1"}
    assert "no confirmed subscription" in problem_of(TOPIC, waiting)
    assert "alias/aws/sns" in problem_of(TOPIC, {"SubscriptionsConfirmed": "2", "KmsMasterKeyId": "alias/aws/sns"})


# -- the plan ---------------------------------------------------------------------------------------------------


def steps(topic: str = "told", email: str = "", **said: Any) -> list[str]:
    source = Said(**said)
    verdict = judge(parse_conditions(EVENTS), source)
    found = {} if verdict.missing is Link.NONE else {"keys": verdict}
    [plan] = plan_alarms(found, {"keys": EVENTS}, Settings(topic, email), source, "us-east-1")
    assert not (plan.steps and plan.refused)
    assert plan.region == ("us-east-1" if plan.refused or not found else REGION)
    return plan.lines() + [f"refused {name}: {why}" for name, why in plan.refused.items()]


FILTER, ALARM = "logs:put_metric_filter guardrails-keys", "cloudwatch:put_metric_alarm guardrails-keys"


@pytest.mark.parametrize(("said", "wanted"), [
    ({}, []),
    ({"filters": {"audit": []}}, [FILTER, ALARM]),
    ({"alarms": []}, [ALARM]),
    ({"alarms": [alarm(ActionsEnabled=False)]}, [ALARM]),
    ({"alarms": [], "topics": {}}, ["sns:create_topic told", ALARM]),
    ({"alarms": [], "topics": {}, "email": "a@b"}, ["sns:create_topic told", "sns:subscribe a@b", ALARM]),
    ({"topics": {TOPIC: {"SubscriptionsConfirmed": "0"}}}, []),
    ({"topics": {TOPIC: {"SubscriptionsConfirmed": "0"}}, "email": "a@b"}, ["sns:subscribe a@b"]),
    ({"topics": {TOPIC: {"SubscriptionsConfirmed": "0"}}, "email": "a@b", "subscribed": ["a@b"]}, []),
    # Somebody is told already: an address in the policy is no reason to write to one more.
    ({"alarms": [], "email": "a@b"}, [ALARM]),
    # Another team's alarm tells a topic without readers: it stays, ours is put beside it.
    ({"alarms": [alarm(AlarmActions=[TOPIC + "x"])]}, [ALARM]),
    ({"alarms": [], "topic": TOPIC.replace(ACCOUNT, OTHER), "email": "a@b"}, [ALARM]),
    ({"alarms": [], "topic": TOPIC.replace(REGION, "us-east-1")},
     [f"refused keys: an alarm in {REGION} cannot notify the topic {TOPIC.replace(REGION, 'us-east-1')} of another "
      "region"]),
    ({"trails": []}, ["refused keys: no multi-region trail delivers these events to a log group of this account"]),
])
def test_only_what_is_missing_is_created(said: dict[str, Any], wanted: list[str]) -> None:
    assert steps(**said) == wanted


def test_what_stands_under_our_name_is_put_back_by_the_inverse() -> None:
    source = Said(
        filters={"audit": [metric_filter("{ $.a = b }", filterName="guardrails-keys", creationTime=1)]},
        alarms=[alarm("guardrails-keys", Threshold=5.0, AlarmArn="arn", StateValue="OK")],
    )
    verdict = judge(parse_conditions(EVENTS), source)
    [plan] = plan_alarms({"keys": verdict}, {"keys": EVENTS}, Settings("told"), source, REGION)
    put_filter, put_alarm = plan.steps
    assert put_filter.call.parameters["filterPattern"] == f"{{ {EVENTS} }}"
    [call] = put_filter.inverse
    assert (call.operation, call.parameters["filterPattern"]) == ("put_metric_filter", "{ $.a = b }")
    assert "creationTime" not in call.parameters
    [call] = put_alarm.inverse
    assert (call.operation, call.parameters["Threshold"]) == ("put_metric_alarm", 5.0)
    assert not {"AlarmArn", "StateValue", "Dimensions"} & set(call.parameters)


def test_what_is_new_is_deleted_by_the_inverse() -> None:
    source = Said(filters={"audit": []})
    verdict = judge(parse_conditions(EVENTS), source)
    [plan] = plan_alarms({"keys": verdict}, {"keys": EVENTS}, Settings("told", namespace="sec"), source, REGION)
    assert [call.operation for step in plan.steps for call in step.inverse] == ["delete_metric_filter", "delete_alarms"]
    assert plan.steps[1].call.parameters["AlarmActions"] == [TOPIC]
    assert plan.steps[1].call.parameters["Namespace"] == "sec"


def test_a_topics_name_means_the_region_and_partition_of_the_log_group() -> None:
    group = LogGroup("cn-north-1", "g", "aws-cn")
    assert Settings("t").topic_for(group, ACCOUNT) == f"arn:aws-cn:sns:cn-north-1:{ACCOUNT}:t"
