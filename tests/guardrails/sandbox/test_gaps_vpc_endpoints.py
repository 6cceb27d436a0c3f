"""VPC endpoints can be asked for by id, VPC and service; what is not there is simply not in the answer."""
from __future__ import annotations

from typing import Any

from tests.moto_server import ACCOUNT, Moto


def test_endpoints_by_filter(moto: Moto) -> None:
    ec2 = moto.client("ec2")
    vpcs = [ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"] for number in (1, 2)]
    services = ("com.amazonaws.us-east-1.s3", "com.amazonaws.us-east-1.execute-api")
    made = [
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service)["VpcEndpoint"]["VpcEndpointId"]
        for vpc, service in zip(vpcs, services, strict=True)
    ]

    def found(name: str, *values: str) -> list[Any]:
        return ec2.describe_vpc_endpoints(Filters=[{"Name": name, "Values": list(values)}])["VpcEndpoints"]

    assert [one["VpcEndpointId"] for one in found("vpc-endpoint-id", made[1], "vpce-0123456789abcdef0")] == [made[1]]
    assert [one["VpcEndpointId"] for one in found("vpc-id", vpcs[0])] == [made[0]]
    assert [one["VpcEndpointId"] for one in found("service-name", services[1])] == [made[1]]
    assert found("vpc-endpoint-id", made[0])[0]["OwnerId"] == ACCOUNT
    assert found("vpc-id", "vpc-0123456789abcdef0") == []
