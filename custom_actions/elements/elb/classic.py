"""The filter `other-tls-policy` on `aws.elb`: classic load balancers with a listener that uses another TLS policy.

Source: Elastic Load Balancing's DescribeLoadBalancerPolicies (2012-06-01), where the attribute
Reference-Security-Policy names the predefined policy; Security Hub's control ELB.8.
"""
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call

_ENCRYPTED = ("HTTPS", "SSL")
TYPE, REFERENCE = "SSLNegotiationPolicyType", "Reference-Security-Policy"


class OtherTlsPolicy(Filter):
    """Classic load balancers with an HTTPS or SSL listener whose predefined TLS policy is not in `policies`.

    A listener with a policy of the team's own, which refers to no predefined one, matches. One call for each load
    balancer with such a listener. The ports are kept on the load balancer as `c7n:OtherTlsPolicy`.

    Written because c7n's `ssl-policy` compares protocols and ciphers only, and goes on without a load balancer that it
    may not read.

    :example:

    .. code-block:: yaml

        policies:
          - name: classic-elb-tls
            resource: aws.elb
            filters:
              - type: other-tls-policy
                policies: [ELBSecurityPolicy-TLS-1-2-2017-01]
    """

    schema = type_schema(
        "other-tls-policy", required=["policies"],
        policies={"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]})
    permissions = ("elasticloadbalancing:DescribeLoadBalancerPolicies",)
    annotation_key = "c7n:OtherTlsPolicy"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("elb")
        found = []
        for balancer in resources:
            names = sorted({name for listener in encrypted(balancer) for name in listener["PolicyNames"]})
            policies = call(
                client.describe_load_balancer_policies, LoadBalancerName=balancer["LoadBalancerName"],
                PolicyNames=names)["PolicyDescriptions"] if names else []
            if ports := ports_with_others(balancer, policies, self.data["policies"]):
                balancer[self.annotation_key] = ports
                found.append(balancer)
        return found


def encrypted(balancer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The HTTPS and SSL listeners of a classic load balancer, from DescribeLoadBalancers."""
    return [each for each in balancer["ListenerDescriptions"] if each["Listener"]["Protocol"] in _ENCRYPTED]


def ports_with_others(
    balancer: Mapping[str, Any], policies: Collection[Mapping[str, Any]], allowed: Collection[str],
) -> list[int]:
    """The ports of HTTPS and SSL listeners without a policy that refers to an allowed one.

    Args:
        balancer: from DescribeLoadBalancers.
        policies: those of its listeners, from DescribeLoadBalancerPolicies.
        allowed: names of predefined policies.
    """
    good = {
        policy["PolicyName"] for policy in policies if policy["PolicyTypeName"] == TYPE
        for attribute in policy["PolicyAttributeDescriptions"]
        if attribute["AttributeName"] == REFERENCE and attribute["AttributeValue"] in allowed}
    return [
        listener["Listener"]["LoadBalancerPort"] for listener in encrypted(balancer)
        if not good.intersection(listener["PolicyNames"])]
