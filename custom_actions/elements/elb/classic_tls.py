"""The action `set-tls-policy` on `aws.elb`: the predefined TLS policy of the listeners of a classic load balancer.

Source: Elastic Load Balancing's CreateLoadBalancerPolicy and SetLoadBalancerPoliciesOfListener, which replaces all
policies of a listener, and DescribeLoadBalancerPolicies (2012-06-01).
"""
from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import count
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import (
    OTHERWISE,
    Call,
    Fix,
    FixPlan,
    FixResult,
    Inverse,
    Step,
    all_removed,
    fix_by_plan,
    is_added,
)
from .classic import REFERENCE, TYPE, encrypted, ports_with_others

_CHAIN = "set the TLS policy"
_NAMES = {"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}


def plan_tls(
    balancer: Mapping[str, Any], policies: Collection[Mapping[str, Any]], allowed: Collection[str], wanted: str,
) -> FixPlan:
    """Give each listener without an allowed TLS policy the wanted one; its other policies, of stickiness, stay.

    Args:
        balancer: from DescribeLoadBalancers.
        policies: all of the load balancer, from DescribeLoadBalancerPolicies.
        allowed: names of predefined policies.
        wanted: the predefined policy to set.
    """
    name = str(balancer["LoadBalancerName"])
    ports = ports_with_others(balancer, policies, allowed)
    if not ports:
        return FixPlan()
    of_tls = {each["PolicyName"] for each in policies if each["PolicyTypeName"] == TYPE}
    reference = {"AttributeName": REFERENCE, "AttributeValue": wanted}
    there = sorted(each["PolicyName"] for each in policies if each["PolicyName"] in of_tls
                   and reference in each["PolicyAttributeDescriptions"])
    taken = {each["PolicyName"] for each in policies}
    names = (f"guardrails-{wanted}{f'-{number}' if number else ''}" for number in count())
    policy = there[0] if there else next(each for each in names if each not in taken)
    steps = [] if there else [Step(
        f"create the policy {policy}",
        Call("elb", "create_load_balancer_policy", {
            "LoadBalancerName": name, "PolicyName": policy, "PolicyTypeName": TYPE, "PolicyAttributes": [reference]}),
        Call("elb", "delete_load_balancer_policy", {"LoadBalancerName": name, "PolicyName": policy}),
        added={"PolicyName": policy}, chain=_CHAIN)]
    for listener in encrypted(balancer):
        port, before = listener["Listener"]["LoadBalancerPort"], list(listener["PolicyNames"])
        if port not in ports:
            continue
        after = [*(each for each in before if each not in of_tls), policy]
        make, undo = (Call("elb", "set_load_balancer_policies_of_listener", {
            "LoadBalancerName": name, "LoadBalancerPort": port, "PolicyNames": each}) for each in (after, before))
        steps.append(Step(
            f"set the policies of the listener on port {port}", make, undo,
            removed={"Port": port, "PolicyNames": before}, added={"Port": port, "PolicyNames": after}, chain=_CHAIN,
            overwrites=True))
    return FixPlan(steps)


def _is_port(value: Any, _: Mapping[str, Any]) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class SetTlsPolicy(Fix):
    """Give the HTTPS and SSL listeners of a classic load balancer a predefined TLS policy, and verify the result.

    Only listeners whose predefined policy is not in `allowed` are changed. `policy` is the one that they get. Policies
    of a listener for sticky sessions stay.

    Written because c7n's `set-ssl-listener-policy` changes all listeners, also those with an approved policy, and
    creates a new policy of the load balancer each time.

    :example:

    .. code-block:: yaml

        policies:
          - name: classic-elb-tls-policy-set
            resource: aws.elb
            filters:
              - type: other-tls-policy
                policies: [ELBSecurityPolicy-TLS-1-2-2017-01]
            actions:
              - type: set-tls-policy
                allowed: [ELBSecurityPolicy-TLS-1-2-2017-01]
                policy: ELBSecurityPolicy-TLS-1-2-2017-01
    """

    schema = type_schema(
        "set-tls-policy", required=["allowed", "policy"], otherwise=OTHERWISE, allowed=_NAMES,
        policy={"type": "string"})
    inverses = (
        Inverse("elb", "set_load_balancer_policies_of_listener", "LoadBalancerName", values={
            "LoadBalancerPort": _is_port, "PolicyNames": all_removed}),
        Inverse("elb", "delete_load_balancer_policy", "LoadBalancerName", values={"PolicyName": is_added}),
    )
    permissions = (
        "elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancerPolicies",
        "elasticloadbalancing:CreateLoadBalancerPolicy", "elasticloadbalancing:SetLoadBalancerPoliciesOfListener")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Set the policy on the listeners of one load balancer."""
        client, name = session.client("elb"), resource["LoadBalancerName"]
        allowed, wanted = self.data["allowed"], self.data["policy"]
        if wanted not in allowed:
            raise Refusal(f"{wanted} is not one of the allowed policies: {', '.join(allowed)}")

        def plan() -> FixPlan:
            [balancer] = call(client.describe_load_balancers, LoadBalancerNames=[name])["LoadBalancerDescriptions"]
            policies = call(client.describe_load_balancer_policies, LoadBalancerName=name)["PolicyDescriptions"]
            return plan_tls(balancer, policies, allowed, wanted)

        yield fix_by_plan(lambda service: client, plan)
