"""Read a load balancer's listeners, carry a plan out rule by rule, and read them again.

Source: Elastic Load Balancing's DescribeListeners, DescribeRules, ModifyListener (which holds the default rule) and
ModifyRule.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ...aws import call, code_of, readings, reason_of
from ...fixing import Call, Outcome
from .redirect import Action, Listener, Plan, Rule, Step

_GONE = ("LoadBalancerNotFound", "ListenerNotFound")


@dataclass
class Result:
    """What happened to one load balancer."""

    outcome: Outcome
    reason: str = ""
    done: list[Step] = field(default_factory=list)

    @property
    def inverse(self) -> list[Call]:
        """The calls that give the start back."""
        return [Call("elbv2", *_change(step, step.rule.actions)) for step in self.done]


def read_listeners(client: Any, load_balancer: str) -> list[Listener]:
    """The listeners of a load balancer, those that speak plain HTTP with their rules.

    What is deleted while it is read is left out. Raises ClientError for any other error.
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


def apply(client: Any, plan: Plan, read: Callable[[], Sequence[Listener]], replan: Callable[..., Plan]) -> Result:
    """Carry out `plan`; `read` reads the listeners again, and `replan` says what is left to do then.

    An AWS error ends no more than its own step: it is part of the result, never raised.
    """
    if plan.refused:
        return Result(Outcome.REFUSED, plan.refused)
    if not plan:
        return Result(Outcome.ALREADY_OK)
    result = Result(Outcome.FAILED)
    problems: list[str] = []
    for step in plan.steps:
        operation, parameters = _change(step, step.actions)
        try:
            call(getattr(client, operation), **parameters)
        except ClientError as error:
            problems.append(f"{step}: {reason_of(error)}")
        else:
            result.done.append(step)
    left = _read_back(read, replan, problems)
    if left is not None and not left:
        # Whatever went wrong on the way, nothing is served over HTTP now.
        result.outcome = Outcome.REVERTED
        return result
    if left:
        problems += [f"left: {line}" for line in (left.refused, *map(str, left.steps)) if line]
    result.outcome = Outcome.PARTIAL if result.done else Outcome.FAILED
    result.reason = "; ".join(problems)
    return result


def _change(step: Step, actions: Sequence[Action]) -> tuple[str, dict[str, Any]]:
    if step.rule.default:
        return "modify_listener", {"ListenerArn": step.listener.arn, "DefaultActions": list(actions)}
    return "modify_rule", {"RuleArn": step.rule.arn, "Actions": list(actions)}


def _read_back(
    read: Callable[[], Sequence[Listener]], replan: Callable[..., Plan], problems: list[str]
) -> Plan | None:
    """What is left to do, once the changes show; None when the listeners could not be read."""
    left = None
    try:
        for left in readings(lambda: replan(read())):
            if not left or problems:
                break
    except ClientError as error:
        problems.append(f"could not read the listeners back: {reason_of(error)}")
        return None
    return left
