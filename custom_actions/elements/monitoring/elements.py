"""What a policy sees on `aws.account`: the filter `log-alarm` and the action `create-log-alarm`."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...fixing import Fix, FixResult, Inverse, is_added, is_topic
from ...parameters import placeholders
from .apply import apply
from .chain import Link, Verdict, judge
from .pattern import Expression, PatternError, cases, covers, parse_conditions, whole
from .plan import ALARM_SETTINGS, FILTER_SETTINGS, Settings, plan_alarms
from .read import AwsSource

_LONGEST_PATTERN = 1024
_EVENTS = {
    "type": "object",
    "minProperties": 1,
    # Also a part of the names of a metric filter and an alarm.
    "propertyNames": {"pattern": "^[a-z0-9][a-z0-9-]{0,99}$"},
    "additionalProperties": {"type": "string"},
}
_READ = (
    "cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors",
    "logs:DescribeMetricFilters", "cloudwatch:DescribeAlarmsForMetric", "sns:GetTopicAttributes",
)


def _expressions(element: str, events: Mapping[str, str]) -> dict[str, Expression]:
    """The classes of events, read. Raises PolicyValidationError for a pattern that cannot be compared with others."""
    read = {}
    for name, pattern in events.items():
        try:
            read[name] = parse_conditions(pattern)
            cases(read[name])
            if covers(read[name], read[name]) is not True:
                raise PatternError("has conditions that cannot be compared")
            if len(whole(pattern)) > _LONGEST_PATTERN:
                raise PatternError(f"is longer than {_LONGEST_PATTERN} characters, which is all that AWS takes")
        except PatternError as error:
            raise PolicyValidationError(f"{element}: the events {name}: the pattern {error}") from None
    return read


def _source(element: Any, *, fresh: bool = False) -> AwsSource:
    manager = element.manager
    return AwsSource(
        local_session(manager.session_factory), manager.config.account_id, manager.config.region, manager._cache,
        fresh=fresh,
    )


def _missing(events: Mapping[str, Expression], source: AwsSource) -> dict[str, Verdict]:
    """The classes of events of which nobody is told, each with the link that is missing."""
    verdicts = {name: judge(expression, source) for name, expression in events.items()}
    return {name: verdict for name, verdict in verdicts.items() if verdict.missing is not Link.NONE}


class LogAlarm(Filter):
    """Accounts in which nobody is told of certain events, with the link that is missing.

    `events` names classes of events, each with the CloudWatch Logs filter pattern that catches them, written
    without its outer braces. For each of them these links are followed:

    * a multi-region trail that is logging, with all management events, into a log group of this account;
    * a metric filter of that log group that catches at least these events. Patterns are compared by meaning: order,
      parentheses, quotes, and what a filter catches besides make no difference;
    * an alarm on its metric that one event sets off;
    * its actions switched on, with an SNS topic among them;
    * a confirmed subscription of that topic.

    An account matches when one class lacks a link. The reason is kept as `c7n:LogAlarm`, in words, a line for each
    class; and what could not be judged, such as a metric filter whose pattern is not one for JSON events, or an
    organization's trail whose log group is another account's: that is never taken to be in order. Alarms on
    metric maths and composite alarms are not followed. Everything is read in the trail's home region, wherever
    the policy runs.

    Written because c7n's `check-cloudtrail` compares a pattern as a text, looks at the first page of metric filters
    and in the policy's region only, and at no threshold, nor whether the actions are on; and it does not say
    which link is missing.

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
    """Create what is missing between events and somebody who is told of them, and prove it.

    The events are those of the policy's `log-alarm` filter. For each class that lacks a link:

    * a metric filter is put into the trail's log group, unless one catches the events already;
    * an alarm is put on its metric, unless one that one event sets off tells the topic already;
    * `topic`, a name or an ARN, is where the alarm goes; a topic of this account that does not exist is created;
    * `email`, where given, is subscribed to a topic that has no confirmed subscription. The address has to confirm
      it, so the account keeps matching until then.

    Metric filters and alarms are called `guardrails-` and the name of the class, or begin with `namespace`, which is
    also the metrics'. What stands under another name is never changed; what stands under that name and is not as it
    should be is replaced. No trail is created: without one that writes to a log group of this account the class is
    refused, and the receipt says so. Each alarm costs, see the price list of CloudWatch.

    The account gets a receipt, in the region of the log group, with what was created and the calls that take it
    back: in `action-create-log-alarm` beside the policy's other output. It ends as reverted when the whole path
    stands, as partial when a person has to act.

    Written because c7n has no action that makes a metric filter or an alarm.

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
        "create-log-alarm", required=["topic"],
        topic={"type": "string", "minLength": 1},
        email={"type": "string"},
        namespace={"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,99}$"},
    )
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
        self._events()
        topic, email = self.data["topic"], self.data.get("email") or ""
        if topic.startswith("arn:") and not placeholders(topic) and topic.split(":")[2:3] != ["sns"]:
            raise PolicyValidationError(f"{self.type}: {topic} is no topic")
        if email and not placeholders(email) and "@" not in email:
            raise PolicyValidationError(f"{self.type}: {email!r} is no e-mail address")
        return self

    def resource_name(self, resource: Mapping[str, Any]) -> str:
        """The account's number."""
        return str(resource["account_id"])

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Create what is missing, region by region."""
        patterns = self._events()
        expressions = _expressions(self.type, patterns)
        settings = Settings(
            self.data["topic"], self.data.get("email") or "", self.data.get("namespace") or Settings.namespace)
        source = _source(self, fresh=True)
        for plan in plan_alarms(
                _missing(expressions, source), patterns, settings, source, self.manager.config.region):
            for line in plan.lines():
                self.log.info("%s %s: %s", self.type, plan.region, line)
            own = {name: expressions[name] for name in plan.events}
            yield apply(plan, source.client, partial(self._judge, own))

    def _judge(self, expressions: Mapping[str, Expression]) -> Mapping[str, Verdict]:
        return _missing(expressions, _source(self, fresh=True))

    def _events(self) -> dict[str, str]:
        events: dict[str, str] = {}
        for found in self.manager.iter_filters():
            if isinstance(found, LogAlarm):
                events |= found.data["events"]
        if not events:
            raise PolicyValidationError(f"{self.type}: needs a log-alarm filter, whose events it takes")
        return events
