"""Reading a load balancer's listeners, and the steps of a plan for them, rule by rule.

Source: Elastic Load Balancing's DescribeListeners, DescribeRules, ModifyListener (which sets the default rule) and
ModifyRule.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from ...aws import call, code_of
from ...errors import Refusal
from ...fixing import Call, Step
from .redirect import Action, Listener, RedirectPlan, RedirectStep, Rule

_GONE = ("LoadBalancerNotFound", "ListenerNotFound")


def read_listeners(client: Any, load_balancer: str) -> list[Listener]:
    """The listeners of a load balancer; those for plain HTTP with their rules.

    Listeners that are deleted meanwhile are left out. Raises one of AWS_ERRORS.
    """
    try:
        found = _pages(client, "describe_listeners", "Listeners", LoadBalancerArn=load_balancer)
        listeners = [Listener(one["ListenerArn"], one.get("Protocol", ""), one.get("Port", 0)) for one in found]
    except ClientError as error:
        if code_of(error) in _GONE:
            return []
        raise
    return [
        Listener(one.arn, one.protocol, one.port, _rules(client, one.arn)) if one.plain else one for one in listeners
    ]


def _rules(client: Any, listener: str) -> tuple[Rule, ...]:
    try:
        found = _pages(client, "describe_rules", "Rules", ListenerArn=listener)
    except ClientError as error:
        if code_of(error) in _GONE:
            return ()
        raise
    return tuple(
        Rule(rule["RuleArn"], "default" if rule.get("IsDefault") else str(rule["Priority"]), tuple(rule["Actions"]))
        for rule in found
    )


def _pages(client: Any, operation: str, listed: str, **parameters: str) -> list[dict[str, Any]]:
    pages = call(lambda: list(client.get_paginator(operation).paginate(**parameters)))
    return [entry for page in pages for entry in page[listed]]


def steps_of(plan: RedirectPlan) -> list[Step]:
    """The plan as steps, one for each rule. Raises Refusal when the plan is refused."""
    if plan.refused:
        raise Refusal(plan.refused)
    return [
        Step(
            f"redirect {step}", Call("elbv2", *_change(step, step.actions)),
            Call("elbv2", *_change(step, step.rule.actions)),
            removed={"rule": step.rule.arn, "actions": list(step.rule.actions)},
            added={"rule": step.rule.arn, "actions": list(step.actions)}, overwrites=True)
        for step in plan.steps
    ]


def _change(step: RedirectStep, actions: Sequence[Action]) -> tuple[str, dict[str, Any]]:
    if step.rule.default:
        return "modify_listener", {"ListenerArn": step.listener.arn, "DefaultActions": list(actions)}
    return "modify_rule", {"RuleArn": step.rule.arn, "Actions": list(actions)}
