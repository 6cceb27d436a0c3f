"""What starts a policy that a group's function runs: its own event rule, Config rule or schedule, as without a group.

Each names the policy, so that the function knows which one a message is for (custom_actions/functions/group.py).
Switching a trigger from the policy's own function to the group's is one call, PutTargets, PutConfigRule or
UpdateSchedule: each event goes to the one or to the other.
"""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from c7n import mu
from c7n.utils import get_partition

from custom_actions.functions import addressed_event, addressed_tick
from custom_actions.names import CONFIG_STATEMENT, EVENTS_STATEMENT

from .blueprints import Blueprint
from .groups import Group, event_pattern
from .reads import read_or_none
from .triggers import config_rule_differences, event_rule_differences

Clients = Mapping[str, Any]


class Trigger(Protocol):
    """What starts one policy."""

    def read(self, clients: Clients) -> None:
        """Read what is there. Raises one of AWS_ERRORS."""

    @property
    def exists(self) -> bool:
        """Whether it was there when it was read."""

    def invokes(self, arn: str) -> bool:
        """Whether it started this function when it was read."""

    def differences(self) -> list[str]:
        """What differed when it was read."""

    def put(self, clients: Clients) -> None:
        """Create or correct it. Raises one of AWS_ERRORS, or TriggerNotPut."""


class TriggerNotPut(Exception):
    """AWS did not accept the target of an event rule, and says why."""


def trigger_of(wanted: Blueprint, arn: str, own: str, rules: RulesThere) -> Trigger:
    """The trigger of a policy.

    Args:
        arn: the ARN of the group's function.
        own: the ARN that the policy's own function has, or would have.
        rules: what is there.
    """
    function = wanted.function
    [source] = function.get_events(None)
    if isinstance(source, mu.ConfigRule):
        # AWS Config's rule contains the ARN of its function.
        function.arn = arn
        return ConfigTrigger(source.get_rule_params(function), rules)
    if isinstance(source, mu.EventBridgeScheduleSource):
        return ScheduleTrigger(_schedule(wanted, source, arn))
    target = _target(wanted, source, arn)
    return EventTrigger(
        _rule(wanted, source), target, own, rules, dead_letters=(target.get("DeadLetterConfig") or {}).get("Arn", ""))


@dataclass
class RulesThere:
    """The event rules and AWS Config's rules of an account and region, by name; read once for all policies."""

    events: Mapping[str, Mapping[str, Any]]
    config: Mapping[str, Mapping[str, Any]]


def _rule(wanted: Blueprint, source: Any) -> dict[str, Any]:
    function, pattern = wanted.function, event_pattern(wanted.function)
    return {
        "Name": function.event_name, "Description": function.description, "State": "ENABLED",
        **({"EventPattern": json.dumps(pattern)} if pattern else {}),
        **({"ScheduleExpression": source.data["schedule"]} if source.data.get("schedule") else {}),
    }


def _target(wanted: Blueprint, source: Any, arn: str) -> dict[str, Any]:
    # c7n's id: when c7n deploys the policy's own function again, its target replaces this one.
    target: dict[str, Any] = {"Id": wanted.function.event_name, "Arn": arn}
    if source.data.get("schedule") and not event_pattern(wanted.function):
        target["Input"] = addressed_tick(wanted.policy.name)
    else:
        target["InputTransformer"] = addressed_event(wanted.policy.name)
    if dead_letters := getattr(source, "dead_letters", ""):
        target["DeadLetterConfig"] = {"Arn": dead_letters}
    return target


@dataclass
class EventTrigger:
    """An event rule with its target."""

    rule: dict[str, Any]
    target: dict[str, Any]
    own: str
    there: RulesThere
    dead_letters: str = ""
    targets: Sequence[Mapping[str, Any]] = ()

    @property
    def exists(self) -> bool:
        return self.rule["Name"] in self.there.events

    def read(self, clients: Clients) -> None:
        if self.exists:
            found = read_or_none(clients["events"].list_targets_by_rule, Rule=self.rule["Name"]) or {}
            self.targets = found.get("Targets") or ()

    def invokes(self, arn: str) -> bool:
        return any(mu.normalize_arn(each["Arn"]) == arn for each in self.targets)

    def differences(self) -> list[str]:
        arn = self.target["Arn"]
        found = event_rule_differences(
            self.there.events.get(self.rule["Name"]), self.rule.get("EventPattern"),
            self.rule.get("ScheduleExpression"), self.targets, arn, self.dead_letters)
        if any(_input(each) != _input(self.target) for each in self.targets if each["Arn"] == arn):
            found.append("target's input")
        if self._others(arn):
            found.append("another target")
        return found

    def _others(self, arn: str) -> list[str]:
        """The ids of targets with which the policy would handle each event twice, besides the one that is replaced."""
        return [each["Id"] for each in self.targets if each["Id"] != self.target["Id"]
                and mu.normalize_arn(each["Arn"]) in (self.own, arn)]

    def put(self, clients: Clients) -> None:
        events, name = clients["events"], self.rule["Name"]
        found = self.there.events.get(name)
        if event_rule_differences(found, self.rule.get("EventPattern"), self.rule.get("ScheduleExpression"),
                                  [self.target], self.target["Arn"]):
            events.put_rule(**self.rule)
        # The target of the policy's own function has this id, and is replaced.
        answer = events.put_targets(Rule=name, Targets=[self.target])
        if answer.get("FailedEntryCount"):
            [entry] = answer["FailedEntries"]
            raise TriggerNotPut(f"{entry.get('ErrorCode')}: {entry.get('ErrorMessage')}")
        if others := self._others(self.target["Arn"]):
            events.remove_targets(Rule=name, Ids=others)


def _input(target: Mapping[str, Any]) -> tuple[Any, Any]:
    transformer = target.get("InputTransformer") or {}
    return target.get("Input"), transformer.get("InputTemplate")


@dataclass
class ConfigTrigger:
    """A rule of AWS Config."""

    params: dict[str, Any]
    there: RulesThere

    @property
    def _found(self) -> Mapping[str, Any] | None:
        return self.there.config.get(self.params["ConfigRuleName"])

    @property
    def exists(self) -> bool:
        return self._found is not None

    def read(self, clients: Clients) -> None:
        """All rules were read together."""

    def invokes(self, arn: str) -> bool:
        return bool(self._found) and (self._found or {})["Source"].get("SourceIdentifier") == arn

    def differences(self) -> list[str]:
        return config_rule_differences(self._found, self.params)

    def put(self, clients: Clients) -> None:
        rule = {key: value for key, value in (self._found or {}).items() if key not in mu.ConfigRule.readonly_fields}
        # AWS Config checks that it may invoke the function, and a new permission takes some seconds.
        mu.LambdaRetry(clients["config"].put_config_rule, ConfigRule={**rule, **self.params})


def _schedule(wanted: Blueprint, source: Any, arn: str) -> dict[str, Any]:
    data = source.data
    return {
        "Name": wanted.function.event_name, "GroupName": data.get("group-name", "default"),
        "Description": wanted.function.description, "State": "ENABLED", "FlexibleTimeWindow": {"Mode": "OFF"},
        "ScheduleExpression": data.get("schedule"), "ScheduleExpressionTimezone": data.get("timezone", "Etc/UTC"),
        "Target": {"Arn": arn, "RoleArn": data.get("scheduler-role"), "Input": addressed_tick(wanted.policy.name)},
    }


@dataclass
class ScheduleTrigger:
    """A schedule in EventBridge Scheduler."""

    params: dict[str, Any]
    found: Mapping[str, Any] | None = None

    @property
    def exists(self) -> bool:
        return self.found is not None

    def read(self, clients: Clients) -> None:
        self.found = read_or_none(
            clients["scheduler"].get_schedule, Name=self.params["Name"], GroupName=self.params["GroupName"])

    def invokes(self, arn: str) -> bool:
        return bool(self.found) and (self.found or {})["Target"]["Arn"] == arn

    def differences(self) -> list[str]:
        if self.found is None:
            return ["schedule"]
        settings = ("State", "ScheduleExpression", "ScheduleExpressionTimezone")
        target = self.found.get("Target") or {}
        same = all(self.found.get(key) == self.params[key] for key in settings) and all(
            target.get(key) == value for key, value in self.params["Target"].items())
        return [] if same else ["schedule"]

    def put(self, clients: Clients) -> None:
        scheduler = clients["scheduler"]
        (scheduler.update_schedule if self.exists else scheduler.create_schedule)(**self.params)


def statements_of(group: Group, account: str, region: str) -> dict[str, dict[str, str]]:
    """The statements of the function's resource policy that its triggers need, by id: one for each AWS service.

    One for each rule would soon be larger than the 20 KB that Lambda allows. Event rules are those of this account
    with the project's prefix; AWS Config does not name its rules in the call, as with a function for each policy. A
    schedule uses its own role.
    """
    if group.mode in ("config-rule", "config-poll-rule"):
        return {CONFIG_STATEMENT: {"Principal": "config.amazonaws.com", "SourceAccount": account}}
    if group.mode == "schedule":
        return {}
    rules = f"arn:{get_partition(region)}:events:{region}:{account}:rule/{group.prefix}*"
    return {EVENTS_STATEMENT: {"Principal": "events.amazonaws.com", "SourceArn": rules}}


def permission_differences(found: Sequence[Mapping[str, Any]], wanted: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The ids of the statements that must be added or replaced. `found`: the statements of the resource policy."""
    there = {str(each.get("Sid")): each for each in found}
    return [sid for sid, statement in wanted.items() if not _is_same(there.get(sid), statement)]


def _is_same(found: Mapping[str, Any] | None, wanted: Mapping[str, str]) -> bool:
    if found is None or found.get("Effect") != "Allow":
        return False
    values = {str(key).lower(): value for block in (found.get("Condition") or {}).values()
              for key, value in block.items()}
    return (
        found.get("Principal") in ({"Service": wanted["Principal"]}, wanted["Principal"])
        and (values.get("aws:sourcearn"), values.get("aws:sourceaccount")) == (
            wanted.get("SourceArn"), wanted.get("SourceAccount")))
