"""Which rules cover an item, and the events for their functions. moto stores the rules.

Source: AWS Config's developer guide, "Example Events for AWS Config Rules".
"""
from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.config.models import ConfigRule, Scope, config_backends

from . import forms
from .history import Item
from .spelling import timestamp

CHANGE, OVERSIZED, SCHEDULED = (
    "ConfigurationItemChangeNotification", "OversizedConfigurationItemChangeNotification", "ScheduledNotification",
)
_LARGEST_MESSAGE = 256 * 1024


@dataclass(frozen=True)
class Rule:
    """A custom rule: the function that evaluates, when it runs, and what it evaluates."""

    name: str
    id: str
    arn: str
    function: str
    messages: frozenset[str]
    parameters: str
    types: frozenset[str] = frozenset()
    resource_id: str = ""
    tag_key: str = ""
    tag_value: str = ""

    def covers(self, item: Item) -> bool:
        """Whether the item is in the rule's scope; a rule without a scope covers all."""
        resource = item.resource
        if self.types and resource.type not in self.types:
            return False
        if self.resource_id and resource.id != self.resource_id:
            return False
        if self.tag_key:
            value = resource.tags.get(self.tag_key)
            return value is not None and self.tag_value in ("", value)
        return True


def rules_of(account: str, region: str) -> list[Rule]:
    """The rules of an account and region that have a function, by name."""
    stored = dict(config_backends[account][region].config_rules)
    return [rule for name in sorted(stored) if (rule := _rule(stored[name])).function]


def rule_named(account: str, region: str, name: str) -> Rule | None:
    """The rule of that name if it has a function, without a look at the others: there may be hundreds."""
    stored = config_backends[account][region].config_rules.get(name)
    rule = _rule(stored) if stored else None
    return rule if rule and rule.function else None


def _rule(stored: ConfigRule) -> Rule:
    source, scope = stored.source, stored.scope or Scope()
    tag_key, tag_value = next(iter((scope.tags or {}).items()), ("", ""))
    return Rule(
        name=str(stored.config_rule_name), id=stored.config_rule_id, arn=stored.config_rule_arn,
        function=source.source_identifier if source.owner == "CUSTOM_LAMBDA" else "",
        messages=frozenset(detail.message_type for detail in source.source_details or ()),
        parameters=stored.input_parameters or "{}",
        types=frozenset(scope.compliance_resource_types or ()), resource_id=scope.compliance_resource_id or "",
        tag_key=tag_key or "", tag_value=tag_value or "",
    )


def change(rule: Rule, item: Item, previous: Item | None, now: datetime) -> dict[str, Any] | None:
    """The event for an item, or None if the rule does not cover it.

    A resource that has lost the scope's tag is announced once more, with `eventLeftScope`; one that is gone has no
    tags, so what it had decides. The difference to the last item is left out, as AWS may.
    """
    covered = rule.covers(item)
    left = not covered and not item.deleted and previous is not None and rule.covers(previous)
    if item.deleted and previous is not None:
        covered = rule.covers(previous)
    if not covered and not left:
        return None
    notification = {"configurationItemDiff": None, "configurationItem": forms.in_message(item)}
    message = _invoking(CHANGE, now, notification)
    if len(message.encode()) > _LARGEST_MESSAGE:
        message = _invoking(OVERSIZED, now, {"configurationItemSummary": forms.in_summary(item)})
        return _event(rule, item.account, message, left) if OVERSIZED in rule.messages else None
    return _event(rule, item.account, message, left) if CHANGE in rule.messages else None


def schedule(rule: Rule, account: str, now: datetime) -> dict[str, Any]:
    """The event of a scheduled run."""
    return _event(rule, account, json.dumps({
        "awsAccountId": account, "notificationCreationTime": timestamp(now), "messageType": SCHEDULED,
        "recordVersion": "1.0",
    }), left=False)


def _invoking(kind: str, now: datetime, content: dict[str, Any]) -> str:
    return json.dumps({
        **content, "notificationCreationTime": timestamp(now), "messageType": kind,
        "recordVersion": forms.VERSION if kind == CHANGE else "1.0",
    })


def _event(rule: Rule, account: str, message: str, left: bool) -> dict[str, Any]:
    return {
        "version": "1.0", "invokingEvent": message, "ruleParameters": rule.parameters, "eventLeftScope": left,
        "configRuleArn": rule.arn, "configRuleName": rule.name, "configRuleId": rule.id, "accountId": account,
    }
