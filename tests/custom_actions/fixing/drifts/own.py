"""Our own rules and functions, and the tags that switch a fix."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.custom_actions.elements.self_defence.deployed import (
    ACTION,
    FUNCTION,
    NAME,
    PERMISSION,
    RULE,
    TARGET,
    deploy,
)

from ..cloud import Cloud, event, policy, record
from ..faults import Drift
from .scenarios import ONE_EVENT, drifts

KEY = "guardrails-ingress"


def _own(
    name: str, made: dict[str, Any], state: Callable[[], Any], wrong: Callable[[Any], set[str]]
) -> Drift:
    service = made["eventSource"].partition(".")[0]
    return Drift(
        policy("account", ACTION, service, (made["eventName"], "recipientAccountId")), [name],
        lambda: {name: state()}, wrong, event(made), ONE_EVENT)


@drifts("account", "restore-own-resource", "rule")
def disabled_rule(cloud: Cloud) -> Drift:
    deploy(cloud.client)
    events = cloud.client("events")
    events.disable_rule(Name=NAME)
    return _own(
        RULE, record("DisableRule", {"name": NAME}, source="events"), lambda: events.describe_rule(Name=NAME)["State"],
        lambda state: set() if state == "ENABLED" else {"is disabled"})


@drifts("account", "restore-own-resource", "concurrency")
def function_that_never_runs(cloud: Cloud) -> Drift:
    deploy(cloud.client)
    functions = cloud.client("lambda")
    functions.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    return _own(
        FUNCTION, record("PutFunctionConcurrency20171031", {"functionName": NAME}, source="lambda"),
        lambda: functions.get_function_concurrency(FunctionName=NAME).get("ReservedConcurrentExecutions"),
        lambda reserved: {"never runs"} if reserved == 0 else set())


@drifts("account", "restore-own-resource", "target")
def removed_target(cloud: Cloud) -> Drift:
    deploy(cloud.client)
    events = cloud.client("events")
    cloud.history = [record("PutTargets", TARGET, source="events", role="guardrails-deploy", minutes_ago=60)]
    return _own(
        RULE, record("RemoveTargets", {"rule": NAME, "ids": [NAME]}, source="events"),
        lambda: events.list_targets_by_rule(Rule=NAME)["Targets"],
        lambda targets: set() if targets else {"has no target"})


@drifts("account", "restore-own-resource", "permission")
def removed_permission(cloud: Cloud) -> Drift:
    deploy(cloud.client)
    functions = cloud.client("lambda")
    cloud.history = [
        record("AddPermission20150331v2", PERMISSION, source="lambda", role="guardrails-deploy", minutes_ago=60)]

    def statements() -> Any:
        try:
            return json.loads(functions.get_policy(FunctionName=NAME)["Policy"])["Statement"]
        except functions.exceptions.ResourceNotFoundException:
            return []

    return _own(
        FUNCTION,
        record("RemovePermission20150331v2", {"functionName": NAME, "statementId": NAME}, source="lambda"),
        statements, lambda found: set() if found else {"cannot be invoked"})


@drifts("account", "revert-tags")
def switch_tags(cloud: Cloud) -> Drift:
    ec2 = cloud.client("ec2")
    tagged, untagged = (
        ec2.create_security_group(GroupName=name, Description=name)["GroupId"] for name in ("tagged", "untagged"))
    names = [tagged, untagged]

    def made(operation: str, minutes_ago: float, *groups: str, **value: str) -> dict[str, Any]:
        return record(operation, {
            "resourcesSet": {"items": [{"resourceId": group} for group in groups]},
            "tagSet": {"items": [{"key": KEY, **value}]}}, source="ec2", minutes_ago=minutes_ago)

    cloud.history = [
        made("CreateTags", 60, tagged, value="web"), made("CreateTags", 60, untagged, value="old"),
        made("DeleteTags", 50, untagged)]
    ec2.create_tags(Resources=names, Tags=[{"Key": KEY, "Value": "locked"}])
    before = {tagged: [{"Key": KEY, "Value": "web"}], untagged: []}

    def state() -> dict[str, Any]:
        groups = ec2.describe_security_groups(GroupIds=names)["SecurityGroups"]
        return {group["GroupId"]: (group["GroupId"], group.get("Tags", [])) for group in groups}

    return Drift(
        policy("account", {"type": "revert-tags", "tags": "guardrails-*"}, "ec2", ("CreateTags", "recipientAccountId")),
        names, state, lambda found: set() if found[1] == before[found[0]] else {"has another tag"},
        event(made("CreateTags", 0, *names, value="locked")),
        concerns=lambda parameters: {name for name in names if name in json.dumps(parameters, default=str)})
