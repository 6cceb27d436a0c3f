"""Which policies a group's function answers for: those whose event rule, Config rule or schedule invokes it.

AWS is asked for this, and not the group's archive: a policy in the archive without a trigger is off.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from c7n.mu import normalize_arn

from custom_actions.names import GROUP, GROUP_TAG

from .forms import is_ours
from .reads import read_or_none


@dataclass(frozen=True)
class DeployedGroup:
    """The function of a group."""

    name: str
    arn: str
    tags: Mapping[str, str]

    @property
    def mode(self) -> str:
        """The mode of its policies."""
        return str(self.tags[GROUP_TAG])


@dataclass(frozen=True)
class Service:
    """A policy's trigger that invokes the function of a group."""

    function: str
    """The name of the trigger, which is the name that the policy's own function would have."""
    group: DeployedGroup
    schedule_group: str = ""
    """The group of a schedule in EventBridge Scheduler."""


def functions_there(client: Any) -> dict[str, str]:
    """Name and ARN of every function of the account and region. Raises one of AWS_ERRORS."""
    return {each["FunctionName"]: each["FunctionArn"]
            for page in client.get_paginator("list_functions").paginate() for each in page["Functions"]}


def deployed_groups(client: Any, functions: Mapping[str, str]) -> list[DeployedGroup]:
    """The functions of groups among `functions`, which `functions_there` returns. Raises one of AWS_ERRORS."""
    found = []
    for name, arn in functions.items():
        if GROUP not in name:
            continue
        tags = (read_or_none(client.list_tags, Resource=arn) or {}).get("Tags") or {}
        if GROUP_TAG in tags and is_ours(tags):
            found.append(DeployedGroup(name, arn, tags))
    return found


def served(
    clients: Mapping[str, Any], groups: Iterable[DeployedGroup],
    config_rules: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Service]:
    """Every trigger that invokes one of the groups, by its name. Raises one of AWS_ERRORS.

    `config_rules`: AWS Config's rules by name, if they are known already.
    """
    by_arn = {group.arn: group for group in groups}
    found: dict[str, Service] = {}
    for arn, group in by_arn.items():
        if group.mode in ("config-rule", "config-poll-rule", "schedule"):
            continue
        for page in clients["events"].get_paginator("list_rule_names_by_target").paginate(TargetArn=arn):
            found.update((name, Service(name, group)) for name in page["RuleNames"])
    modes = {group.mode for group in by_arn.values()}
    if modes & {"config-rule", "config-poll-rule"}:
        rules = rules_of_config(clients["config"]) if config_rules is None else config_rules
        for name, rule in rules.items():
            invoked = by_arn.get(normalize_arn(str((rule.get("Source") or {}).get("SourceIdentifier") or "")))
            if invoked and rule.get("ConfigRuleState") != "DELETING":
                found[name] = Service(name, invoked)
    if "schedule" in modes:
        for page in clients["scheduler"].get_paginator("list_schedules").paginate():
            for each in page["Schedules"]:
                if invoked := by_arn.get(str((each.get("Target") or {}).get("Arn"))):
                    found[each["Name"]] = Service(each["Name"], invoked, str(each.get("GroupName") or "default"))
    return found


def rules_of_config(client: Any) -> dict[str, Mapping[str, Any]]:
    """AWS Config's rules, by name. Raises one of AWS_ERRORS."""
    return {rule["ConfigRuleName"]: rule for page in client.get_paginator("describe_config_rules").paginate()
            for rule in page["ConfigRules"]}
