"""`set-tls-policy`: which listeners it changes, and what stays."""
from __future__ import annotations

from typing import Any

from custom_actions.elements.elb.classic_tls import plan_tls

OLD, NEW = "ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS-1-2-2017-01"


def policy(name: str, reference: str = "", kind: str = "SSLNegotiationPolicyType") -> dict[str, Any]:
    attributes = [{"AttributeName": "Reference-Security-Policy", "AttributeValue": reference}] if reference else []
    return {"PolicyName": name, "PolicyTypeName": kind, "PolicyAttributeDescriptions": attributes}


def balancer(**policies: list[str]) -> dict[str, Any]:
    """The names of the arguments are a protocol and a port."""
    return {"LoadBalancerName": "web", "ListenerDescriptions": [
        {"Listener": {"Protocol": name.partition("_")[0], "LoadBalancerPort": int(name.partition("_")[2])},
         "PolicyNames": names} for name, names in policies.items()]}


def calls_of(found: dict[str, Any], *policies: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(each.operation, {key: value for key, value in each.parameters.items() if key != "LoadBalancerName"})
            for step in plan_tls(found, policies, [NEW], NEW).steps for each in (step.call, *step.undo({}))]


def listener(port: int, *names: str) -> tuple[str, Any]:
    return "set_load_balancer_policies_of_listener", {"LoadBalancerPort": port, "PolicyNames": list(names)}


def test_only_the_listeners_with_another_policy_change_and_keep_their_stickiness() -> None:
    found = balancer(HTTPS_443=["old", "sticky"], SSL_8443=["new"], HTTP_80=["sticky"])
    sticky = policy("sticky", kind="LBCookieStickinessPolicyType")
    assert calls_of(found, policy("old", OLD), policy("new", NEW), sticky) == [
        listener(443, "sticky", "new"), listener(443, "old", "sticky")]
    assert calls_of(balancer(SSL_8443=["new"], HTTP_80=[]), policy("new", NEW)) == []


def test_a_policy_is_created_under_a_name_that_is_free() -> None:
    # Someone else's policy has the name, and is another one.
    found = balancer(HTTPS_443=["old"], HTTPS_8443=[])
    name = f"guardrails-{NEW}-1"
    assert calls_of(found, policy("old", OLD), policy(f"guardrails-{NEW}", OLD)) == [
        ("create_load_balancer_policy", {
            "PolicyName": name, "PolicyTypeName": "SSLNegotiationPolicyType",
            "PolicyAttributes": [{"AttributeName": "Reference-Security-Policy", "AttributeValue": NEW}]}),
        ("delete_load_balancer_policy", {"PolicyName": name}),
        listener(443, name), listener(443, "old"), listener(8443, name), listener(8443)]
