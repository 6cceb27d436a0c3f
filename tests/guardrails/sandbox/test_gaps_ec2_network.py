"""What was added to moto's networks, as AWS has it."""
from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import ACCOUNT, Moto


@pytest.fixture
def ec2(moto: Moto) -> Any:
    return moto.client("ec2")


def public_addresses(ec2: Any, interface: str) -> dict[str, str | None]:
    [found] = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    return {"": found.get("Association", {}).get("PublicIp")} | {
        address["PrivateIpAddress"]: address.get("Association", {}).get("PublicIp")
        for address in found["PrivateIpAddresses"]
    }


def test_each_address_of_an_interface_shows_its_own_public_one(ec2: Any) -> None:
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddresses=[
        {"PrivateIpAddress": "10.0.1.4", "Primary": True}, {"PrivateIpAddress": "10.0.1.5", "Primary": False},
    ])["NetworkInterface"]["NetworkInterfaceId"]
    assert public_addresses(ec2, interface) == {"": None, "10.0.1.4": None, "10.0.1.5": None}

    first, second = (ec2.allocate_address(Domain="vpc") for _ in range(2))
    other = ec2.associate_address(
        AllocationId=second["AllocationId"], NetworkInterfaceId=interface, PrivateIpAddress="10.0.1.5")
    assert public_addresses(ec2, interface) == {"": None, "10.0.1.4": None, "10.0.1.5": second["PublicIp"]}
    ec2.associate_address(AllocationId=first["AllocationId"], NetworkInterfaceId=interface)
    assert public_addresses(ec2, interface) == {
        "": first["PublicIp"], "10.0.1.4": first["PublicIp"], "10.0.1.5": second["PublicIp"]}
    told = {address["PublicIp"]: address["PrivateIpAddress"] for address in ec2.describe_addresses()["Addresses"]}
    assert told == {first["PublicIp"]: "10.0.1.4", second["PublicIp"]: "10.0.1.5"}

    ec2.disassociate_address(AssociationId=other["AssociationId"])
    assert public_addresses(ec2, interface) == {"": first["PublicIp"], "10.0.1.4": first["PublicIp"], "10.0.1.5": None}
    with pytest.raises(ClientError, match=r"10\.0\.1\.9"):
        ec2.associate_address(
            AllocationId=second["AllocationId"], NetworkInterfaceId=interface, PrivateIpAddress="10.0.1.9")


def test_who_names_a_group_from_a_peered_vpc(ec2: Any) -> None:
    here, there = (ec2.create_vpc(CidrBlock=f"10.{n}.0.0/16")["Vpc"]["VpcId"] for n in (1, 2))
    group, other = (
        ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"] for vpc in (here, there)
    )

    def references(*groups: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ec2.describe_security_group_references(
            GroupId=list(groups))["SecurityGroupReferenceSet"]
        return found

    peering = ec2.create_vpc_peering_connection(
        VpcId=here, PeerVpcId=there)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": group, "UserId": ACCOUNT}]}])
    assert references(group) == [], "the connection is not accepted yet"
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    assert references(group, other) == [
        {"GroupId": group, "ReferencingVpcId": there, "VpcPeeringConnectionId": peering}]
    assert references(other) == []
