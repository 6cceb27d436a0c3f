"""EC2: Client VPN endpoints can be created, listed and deleted. No client can connect to them.

Source: EC2's CreateClientVpnEndpoint, DescribeClientVpnEndpoints and DeleteClientVpnEndpoint.
"""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidParameterValueError
from moto.ec2.responses import EC2Response
from moto.moto_api._internal import mock_random

_STATE = "guardrails_client_vpn_endpoints"
_KEPT = ("Description", "ClientCidrBlock", "ServerCertificateArn", "ConnectionLogOptions", "VpcId")


def apply() -> None:
    """Add the APIs. Once in a process."""
    for operation in (create_client_vpn_endpoint, describe_client_vpn_endpoints, delete_client_vpn_endpoint):
        setattr(EC2Response, operation.__name__, operation)


def create_client_vpn_endpoint(request: Any) -> ActionResult:
    """CreateClientVpnEndpoint. An endpoint waits until it is associated with a subnet."""
    made = {name: request._get_param(name) for name in _KEPT if request._get_param(name) is not None}
    name = f"cvpn-endpoint-{mock_random.get_random_hex(17)}"
    _endpoints(request)[name] = {
        **made, "ClientVpnEndpointId": name, "Status": {"Code": "pending-associate"},
        "CreationTime": datetime.now(UTC).isoformat()}
    return ActionResult({"ClientVpnEndpointId": name, "Status": {"Code": "pending-associate"}})


def describe_client_vpn_endpoints(request: Any) -> ActionResult:
    """DescribeClientVpnEndpoints, by ids."""
    asked = request._get_param("ClientVpnEndpointIds") or []
    return ActionResult({"ClientVpnEndpoints": [
        each for name, each in _endpoints(request).items() if not asked or name in asked]})


def delete_client_vpn_endpoint(request: Any) -> ActionResult:
    """DeleteClientVpnEndpoint."""
    name = request._get_param("ClientVpnEndpointId")
    if _endpoints(request).pop(name, None) is None:
        raise InvalidParameterValueError(name)
    return ActionResult({"Status": {"Code": "deleting"}})


def _endpoints(request: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = vars(request.ec2_backend).setdefault(_STATE, {})
    return found
