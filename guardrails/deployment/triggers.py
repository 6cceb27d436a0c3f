"""What starts a function, compared with what c7n would deploy: event rule, Config rule, schedule, permission."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..policies import comparable, parsed
from .reads import read_or_none


def trigger_differences(function: Any, clients: Mapping[str, Any]) -> list[str]:
    """What c7n would change of the triggers of `function`, c7n's PolicyLambda.

    Raises one of AWS_ERRORS when AWS cannot be read.
    """
    from c7n import mu

    differences = []
    for source in function.get_events(None):
        if isinstance(source, mu.ConfigRule):
            response = read_or_none(clients["config"].describe_config_rules, ConfigRuleNames=[function.name])
            rule = next(iter(response["ConfigRules"]), None) if response else None
            differences += config_rule_differences(rule, source.get_rule_params(function))
            differences += permission_differences(function, "config.amazonaws.com", clients)
        elif isinstance(source, mu.EventBridgeScheduleSource):
            differences += _schedule_differences(source, function, clients)
        elif isinstance(source, mu.CloudWatchEventSource):
            events, bus = clients["events"], getattr(source, "event_bus", "default")
            rule = read_or_none(events.describe_rule, Name=function.event_name, EventBusName=bus)
            targets = read_or_none(
                events.list_targets_by_rule, Rule=function.event_name, EventBusName=bus) if rule else None
            differences += event_rule_differences(
                rule, source.render_event_pattern(), source.data.get("schedule"), (targets or {}).get("Targets", ()),
                mu.normalize_arn(function.arn), getattr(source, "dead_letters", ""))
            differences += permission_differences(function, "events.amazonaws.com", clients)
    return differences


def event_rule_differences(
    rule: Mapping[str, Any] | None, pattern: str | None, schedule: str | None, targets: Sequence[Mapping[str, Any]],
    arn: str, dead_letters: str = "",
) -> list[str]:
    """What c7n would change of an EventBridge rule (None: it does not exist) that must start the function `arn`.

    `dead_letters`: the ARN of the queue for events that cannot be delivered; empty for none.
    """
    if rule is None:
        return ["event rule"]
    differences = []
    if rule.get("State") != "ENABLED":
        differences.append("event rule is disabled")
    # Compared as sets: c7n lists the services of a pattern in a different order each time.
    if comparable(parsed(rule.get("EventPattern"))) != comparable(parsed(pattern)):
        differences.append("event pattern")
    if (rule.get("ScheduleExpression") or None) != (schedule or None):
        differences.append("schedule")
    own = [target for target in targets if target["Arn"] == arn]
    if not own:
        differences.append("target")
    elif dead_letters and any((target.get("DeadLetterConfig") or {}).get("Arn") != dead_letters for target in own):
        differences.append("target's dead-letter queue")
    return differences


def config_rule_differences(rule: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> list[str]:
    """What differs between a Config rule (None: it does not exist) and the rule that c7n would put."""
    if rule is None or rule.get("ConfigRuleState") == "DELETING":
        return ["Config rule"]
    return [f"Config rule's {name}" for name in config_rule_settings(rule, wanted)]


def config_rule_settings(rule: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The settings in which two Config rules differ: function, messages, scope, frequency, description.

    Both are as DescribeConfigRules and PutConfigRule spell them. Only settings that c7n sends are compared: AWS Config
    fills in defaults for the others, and the rule would always look changed.
    """
    return [name for name, setting in _CONFIG_RULE_SETTINGS.items() if setting(rule) != setting(wanted)]


_CONFIG_RULE_SETTINGS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "function": lambda rule: _source(rule).get("SourceIdentifier"),
    "messages": lambda rule: _message_types(rule),
    "scope": lambda rule: set((rule.get("Scope") or {}).get("ComplianceResourceTypes") or ()),
    "frequency": lambda rule: _frequency(rule),
    "description": lambda rule: rule.get("Description") or "",
}


def _source(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    return rule.get("Source") or {}


def _message_types(rule: Mapping[str, Any]) -> set[str | None]:
    return {detail.get("MessageType") for detail in _source(rule).get("SourceDetails") or ()}


def _frequency(rule: Mapping[str, Any]) -> str | None:
    if "ScheduledNotification" not in _message_types(rule):
        return None
    return rule.get("MaximumExecutionFrequency") or "TwentyFour_Hours"


def _schedule_differences(source: Any, function: Any, clients: Mapping[str, Any]) -> list[str]:
    found = read_or_none(
        clients["scheduler"].get_schedule, Name=function.event_name, GroupName=source.data.get("group-name", "default"))
    if found is None:
        return ["schedule"]
    same = (
        found.get("State") == "ENABLED"
        and found.get("ScheduleExpression") == source.data.get("schedule")
        and found.get("ScheduleExpressionTimezone") == source.data.get("timezone", "Etc/UTC")
        and (found.get("Target") or {}).get("RoleArn") == source.data.get("scheduler-role")
    )
    return [] if same else ["schedule"]


def permission_differences(function: Any, service: str, clients: Mapping[str, Any]) -> list[str]:
    """What is missing in the function's resource policy so that `service` may invoke it."""
    response = read_or_none(clients["lambda"].get_policy, FunctionName=function.name)
    statements = json.loads(response["Policy"])["Statement"] if response else []
    allowed = any(
        each.get("Effect") == "Allow" and each.get("Principal") in ({"Service": service}, service)
        for each in statements)
    return [] if allowed else [f"permission of {service}"]
