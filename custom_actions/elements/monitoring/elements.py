"""The filter `log-alarm` and the action `create-log-alarm` on `aws.account`."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...fixing import OTHERWISE, Fix, FixResult, Inverse, is_added, is_topic
from ...parameters import placeholders
from .apply import apply
from .chain import Link, Verdict, judge
from .pattern import Expression, PatternError, cases, covers, parse_conditions, whole
from .plan import ALARM_SETTINGS, FILTER_SETTINGS, AlarmPlan, Settings, plan_alarms
from .read import AwsSource

_LONGEST_PATTERN = 1024
_EVENTS = {
    "type": "object",
    "minProperties": 1,
    # They are also part of the names of metric filters and alarms.
    "propertyNames": {"pattern": "^[a-z0-9][a-z0-9-]{0,99}$"},
    "additionalProperties": {"type": "string"},
}
_READ = (
    "cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors",
    "logs:DescribeMetricFilters", "cloudwatch:DescribeAlarmsForMetric", "sns:GetTopicAttributes",
)


def _expressions(element: str, events: Mapping[str, str]) -> dict[str, Expression]:
    """The parsed classes of events. Raises PolicyValidationError for a pattern that cannot be compared with others."""
    read = {}
    for name, pattern in events.items():
        try:
            read[name] = _expression(pattern)
        except PatternError as error:
            raise PolicyValidationError(f"{element}: the events {name}: the pattern {error}") from None
    return read


@lru_cache(maxsize=128)  # a filter and its action have the same patterns
def _expression(pattern: str) -> Expression:
    found = parse_conditions(pattern)
    cases(found)
    if covers(found, found) is not True:
        raise PatternError("has conditions that cannot be compared")
    if len(whole(pattern)) > _LONGEST_PATTERN:
        raise PatternError(f"is longer than {_LONGEST_PATTERN} characters, the maximum in AWS")
    return found


def _source(element: Any, *, fresh: bool = False) -> AwsSource:
    manager = element.manager
    return AwsSource(
        local_session(manager.session_factory), manager.config.account_id, manager.config.region, manager._cache,
        fresh=fresh,
    )


def _missing(events: Mapping[str, Expression], source: AwsSource) -> dict[str, Verdict]:
    """The classes of events without notification, each with the missing link."""
    verdicts = {name: judge(expression, source) for name, expression in events.items()}
    return {name: verdict for name, verdict in verdicts.items() if verdict.missing is not Link.NONE}


class LogAlarm(Filter):
    """Accounts in which certain events notify no one, with the missing link.

    `events` has classes of events, each with the CloudWatch Logs filter pattern that matches them, without its outer
    braces. Each class needs these links:

    * a multi-region trail that is logging all management events to a log group of this account;
    * a metric filter of that log group that matches at least these events. Patterns are compared by meaning: order,
      parentheses, quotes, and further events that a filter matches make no difference;
    * an alarm on its metric that a single event triggers;
    * enabled actions of that alarm, with an SNS topic among them;
    * a confirmed subscription of that topic.

    An account matches when a class lacks a link. The reasons are kept as `c7n:LogAlarm`, one line for each class. They
    include what could not be evaluated, such as a metric filter whose pattern is not for JSON events, or an
    organization's trail with a log group in another account; this never counts as compliant. Alarms on metric math and
    composite alarms are not supported. Everything is read in the trail's home region, in whatever region the policy
    runs.

    Written because c7n's `check-cloudtrail` compares patterns as strings, checks only the first page of metric filters
    in the policy's region, does not check thresholds or whether actions are enabled, and does not report which link is
    missing.

    :example:

    .. code-block:: yaml

        policies:
          - name: alarm-root-use
            resource: aws.account
            filters:
              - type: log-alarm
                events:
                  root-use: >-
                    $.userIdentity.type = Root && $.userIdentity.invokedBy NOT EXISTS
                    && $.eventType != AwsServiceEvent
    """

    schema = type_schema("log-alarm", required=["events"], events=_EVENTS)
    permissions = _READ
    annotation_key = "c7n:LogAlarm"

    def validate(self) -> LogAlarm:
        _expressions(self.type, self.data["events"])
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        missing = _missing(_expressions(self.type, self.data["events"]), _source(self)) if resources else {}
        lines = [f"{name}: {verdict}" for name, verdict in missing.items()]
        for line in lines:
            self.log.info("%s: %s", self.type, line)
        for account in resources if lines else ():
            account[self.annotation_key] = lines
        return resources if lines else []


class CreateLogAlarm(Fix):
    """Create the missing links of the monitoring path, and verify the result.

    The events are those of the policy's `log-alarm` filter. For each class that lacks a link:

    * a metric filter is created in the trail's log group, unless one already matches the events;
    * an alarm is created on its metric, unless one that a single event triggers already notifies the topic;
    * `topic`, a name or an ARN, is the topic that the alarm notifies; if it belongs to this account and does not exist,
      it is created;
    * `email`, if set, is subscribed to a topic without a confirmed subscription. The recipient must confirm it, so the
      account matches until then.

    The names of metric filters and alarms are `guardrails-` and the name of the class; `namespace` replaces
    `guardrails`, and is also the namespace of the metrics. Resources with other names are never changed; a resource
    with such a name and other settings is replaced. No trail is created: without a trail that writes to a log group of
    this account, the class is refused, and the receipt says so. Alarms have a cost, see the prices of CloudWatch.

    The receipt of the account, in the region of the log group, has what was created and the calls that undo it. It is
    in `action-create-log-alarm` beside the policy's other output. The outcome is reverted when the whole path is
    complete, and partial when a person must act.

    Written because c7n has no action that creates a metric filter or an alarm.

    :example:

    .. code-block:: yaml

        policies:
          - name: alarm-root-use-create
            resource: aws.account
            filters:
              - type: log-alarm
                events:
                  root-use: >-
                    $.userIdentity.type = Root && $.userIdentity.invokedBy NOT EXISTS
                    && $.eventType != AwsServiceEvent
            actions:
              - type: create-log-alarm
                topic: security-alarms
                email: security@example.com
    """

    schema = type_schema(
        "create-log-alarm", required=["topic"], otherwise=OTHERWISE,
        topic={"type": "string", "minLength": 1},
        email={"type": "string"},
        namespace={"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,99}$"},
    )
    other_regions = True
    inverses = (
        Inverse("sns", "delete_topic", "TopicArn", is_topic),
        Inverse("logs", "put_metric_filter", "filterName", is_added, optional=FILTER_SETTINGS),
        Inverse("logs", "delete_metric_filter", "filterName", is_added, {"logGroupName": is_added},
                already=("ResourceNotFoundException",)),
        Inverse("cloudwatch", "put_metric_alarm", "AlarmName", is_added, optional=ALARM_SETTINGS),
        Inverse("cloudwatch", "delete_alarms", "AlarmNames", is_added, already=("ResourceNotFound",)),
    )
    permissions = (
        *_READ, "cloudwatch:DescribeAlarms", "sns:ListSubscriptionsByTopic",
        "logs:PutMetricFilter", "cloudwatch:PutMetricAlarm", "sns:CreateTopic", "sns:Subscribe",
    )

    def validate(self) -> CreateLogAlarm:
        super().validate()
        self._events()
        topic, email = self.data["topic"], self.data.get("email") or ""
        if topic.startswith("arn:") and not placeholders(topic) and topic.split(":")[2:3] != ["sns"]:
            raise PolicyValidationError(f"{self.type}: topic must be the name or the ARN of an SNS topic, got {topic}")
        if email and not placeholders(email) and "@" not in email:
            raise PolicyValidationError(f"{self.type}: email must be an e-mail address, got {email!r}")
        return self

    def resource_name(self, resource: Mapping[str, Any]) -> str:
        """The account's id."""
        return str(resource["account_id"])

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Create what is missing, region by region."""
        patterns = self._events()
        expressions = _expressions(self.type, patterns)
        settings = Settings(
            self.data["topic"], self.data.get("email") or "", self.data.get("namespace") or Settings.namespace)

        def planned() -> tuple[list[AlarmPlan], AwsSource]:
            source = _source(self, fresh=True)
            return plan_alarms(
                _missing(expressions, source), patterns, settings, source, self.manager.config.region), source

        def again(region: str) -> AlarmPlan:
            return next((plan for plan in planned()[0] if plan.region == region), AlarmPlan(region))

        plans, source = planned()
        for plan in plans:
            for line in plan.lines():
                self.log.info("%s %s: %s", self.type, plan.region, line)
            own = {name: expressions[name] for name in plan.events}
            yield apply(plan, source.client, partial(self._judge, own), partial(again, plan.region))

    def _judge(self, expressions: Mapping[str, Expression]) -> Mapping[str, Verdict]:
        return _missing(expressions, _source(self, fresh=True))

    def _events(self) -> dict[str, str]:
        events: dict[str, str] = {}
        for found in self.manager.iter_filters():
            if isinstance(found, LogAlarm):
                events |= found.data["events"]
        if not events:
            raise PolicyValidationError(f"{self.type}: the policy needs a log-alarm filter with the events")
        return events
