"""Network Firewall: the protections of a firewall that exists can be changed.

Source: Network Firewall's UpdateFirewallDeleteProtection and UpdateSubnetChangeProtection.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.networkfirewall.responses import NetworkFirewallResponse

_PROTECTIONS = {
    "update_firewall_delete_protection": ("DeleteProtection", "delete_protection"),
    "update_subnet_change_protection": ("SubnetChangeProtection", "subnet_change_protection"),
}


def apply() -> None:
    """Add the APIs. Once in a process."""
    for operation, (parameter, attribute) in _PROTECTIONS.items():
        setattr(NetworkFirewallResponse, operation, _change(parameter, attribute))


def _change(parameter: str, attribute: str) -> Callable[[Any], ActionResult]:
    def change(request: Any) -> ActionResult:
        firewall = request.networkfirewall_backend.describe_firewall(
            firewall_arn=request._get_param("FirewallArn"), firewall_name=request._get_param("FirewallName"))
        setattr(firewall, attribute, request._get_bool_param(parameter))
        return ActionResult({
            "FirewallArn": firewall.arn, "FirewallName": firewall.firewall_name,
            parameter: getattr(firewall, attribute), "UpdateToken": firewall.update_token})

    return change
