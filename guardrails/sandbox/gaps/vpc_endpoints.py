"""DescribeVpcEndpoints by the filters `vpc-endpoint-id`, `vpc-id` and `service-name`, which moto fails on."""
from __future__ import annotations

from typing import Any

from moto.ec2.models.vpcs import VPCEndPoint

from ..moto_fixes import replaces

_ATTRIBUTES = {"vpc-endpoint-id": "id", "vpc-id": "vpc_id", "service-name": "service_name"}


def apply() -> None:
    """Apply the additions, once in a process."""
    original = VPCEndPoint.get_filter_value

    @replaces(VPCEndPoint, "get_filter_value")
    def get_filter_value(endpoint: Any, filter_name: str, method_name: str | None = None) -> Any:
        if filter_name in _ATTRIBUTES:
            return getattr(endpoint, _ATTRIBUTES[filter_name])
        return original(endpoint, filter_name, method_name)
