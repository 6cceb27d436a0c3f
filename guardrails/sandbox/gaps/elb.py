"""Classic load balancers: a change of one attribute changes no other.

Source: Elastic Load Balancing's ModifyLoadBalancerAttributes (2012-06-01).
"""
from __future__ import annotations

from typing import Any

from moto.elb.models import ELBBackend

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the change, once in a process."""
    original: Any = ELBBackend.modify_load_balancer_attributes

    @replaces(ELBBackend, "modify_load_balancer_attributes")
    def modify_load_balancer_attributes(backend: Any, load_balancer_name: str, *args: Any, **named: Any) -> None:
        """In moto every change of another attribute adds a desync mode, and a desync mode removes the others."""
        attributes = backend.get_load_balancer(load_balancer_name).attributes
        before = list(attributes["additional_attributes"])
        original(backend, load_balancer_name, *args, **named)
        given = {each["Key"]: each["Value"] for each in named.get("additional_attributes") or ()}
        attributes["additional_attributes"] = list({**dict(before), **given}.items())
