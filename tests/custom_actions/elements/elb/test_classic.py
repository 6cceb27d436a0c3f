"""`ports_with_others`: what counts is the predefined policy that a listener's policy refers to."""
from __future__ import annotations

from typing import Any

from custom_actions.elements.elb.classic import ports_with_others

ALLOWED = ["ELBSecurityPolicy-TLS-1-2-2017-01"]


def listener(port: int, *names: str, protocol: str = "HTTPS") -> dict[str, Any]:
    return {"Listener": {"Protocol": protocol, "LoadBalancerPort": port}, "PolicyNames": list(names)}


def policy(name: str, reference: str = "", kind: str = "SSLNegotiationPolicyType") -> dict[str, Any]:
    attributes = [{"AttributeName": "Protocol-TLSv1.2", "AttributeValue": "true"}]
    if reference:
        attributes.append({"AttributeName": "Reference-Security-Policy", "AttributeValue": reference})
    return {"PolicyName": name, "PolicyTypeName": kind, "PolicyAttributeDescriptions": attributes}


def test_each_listener_needs_one() -> None:
    balancer = {"ListenerDescriptions": [
        listener(443, "good"), listener(444, "old"), listener(445, "own"), listener(446), listener(80, protocol="HTTP"),
        listener(447, "sticky", protocol="SSL"), listener(448, "sticky", "good")]}
    policies = [
        policy("good", *ALLOWED), policy("old", "ELBSecurityPolicy-2016-08"), policy("own"),
        policy("sticky", *ALLOWED, kind="LBCookieStickinessPolicyType")]
    assert ports_with_others(balancer, policies, ALLOWED) == [444, 445, 446, 447]
