"""Client VPN endpoints, as EC2's API reference documents CreateClientVpnEndpoint, Describe… and Delete…."""
from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import Moto


def test_an_endpoint_is_created_listed_and_deleted(moto: Moto) -> None:
    ec2 = moto.client("ec2")
    made = ec2.create_client_vpn_endpoint(
        ClientCidrBlock="10.0.0.0/16", ServerCertificateArn="arn:aws:acm:us-east-1:123456789012:certificate/1",
        AuthenticationOptions=[], ConnectionLogOptions={"Enabled": True, "CloudwatchLogGroup": "vpn"})
    name = made["ClientVpnEndpointId"]
    [found] = ec2.describe_client_vpn_endpoints(ClientVpnEndpointIds=[name])["ClientVpnEndpoints"]
    assert found["ConnectionLogOptions"] == {"Enabled": True, "CloudwatchLogGroup": "vpn"}
    assert found["Status"]["Code"] == made["Status"]["Code"] == "pending-associate"
    assert not ec2.describe_client_vpn_endpoints(ClientVpnEndpointIds=["cvpn-endpoint-0"])["ClientVpnEndpoints"]
    assert ec2.delete_client_vpn_endpoint(ClientVpnEndpointId=name)["Status"]["Code"] == "deleting"
    assert not ec2.describe_client_vpn_endpoints()["ClientVpnEndpoints"]
    with pytest.raises(ClientError):
        ec2.delete_client_vpn_endpoint(ClientVpnEndpointId=name)
