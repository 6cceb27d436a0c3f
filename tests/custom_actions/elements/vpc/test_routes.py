"""A subnet's way to an internet gateway."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.vpc.routes import internet_route

SUBNET = {"SubnetId": "subnet-1", "VpcId": "vpc-1"}


def table(name: str, *routes: dict[str, Any], subnet: str = "", main: bool = False, vpc: str = "vpc-1") -> Any:
    associations: list[dict[str, Any]] = [{"Main": True}] if main else []
    if subnet:
        associations.append({"Main": False, "SubnetId": subnet})
    return {"RouteTableId": name, "VpcId": vpc, "Associations": associations, "Routes": list(routes)}


def to(gateway: str, destination: str = "0.0.0.0/0") -> dict[str, Any]:
    key = "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
    return {key: destination, "GatewayId": gateway, "State": "active"}


OUT, LOCAL = to("igw-1"), to("local", "10.0.0.0/16")
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}
OUT_ONLY = {"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1"}


@pytest.mark.parametrize(("tables", "expected"), [
    ([table("rtb-m", LOCAL, OUT, main=True)], "rtb-m (main): 0.0.0.0/0 to igw-1"),
    ([table("rtb-m", LOCAL, main=True), table("rtb-1", LOCAL, OUT, subnet="subnet-1")], "rtb-1: 0.0.0.0/0 to igw-1"),
    # Its own table counts, and the main one no longer.
    ([table("rtb-m", OUT, main=True), table("rtb-1", LOCAL, subnet="subnet-1")], ""),
    ([table("rtb-1", LOCAL, subnet="subnet-1"), table("rtb-m", OUT, main=True)], ""),
    ([table("rtb-m", LOCAL, main=True), table("rtb-2", OUT, subnet="subnet-2")], ""),
    ([table("rtb-m", LOCAL, main=True), table("rtb-o", OUT, main=True, vpc="vpc-2")], ""),
    ([table("rtb-m", LOCAL, NAT, OUT_ONLY, to("vgw-1"), main=True)], ""),
    ([table("rtb-m", LOCAL, to("igw-1", "::/0"), OUT, main=True)],
     "rtb-m (main): 0.0.0.0/0 to igw-1, ::/0 to igw-1"),
    # A prefix list, and a gateway that was detached: it is still the way that was built.
    ([table("rtb-m", {"DestinationPrefixListId": "pl-1", "GatewayId": "igw-1", "State": "blackhole"}, main=True)],
     "rtb-m (main): pl-1 to igw-1"),
])
def test_its_own_table_decides_and_else_the_main_one(tables: list[Any], expected: str) -> None:
    assert internet_route(SUBNET, tables) == expected


def test_a_table_that_is_missing_is_no_private_subnet() -> None:
    with pytest.raises(LookupError, match="subnet-1"):
        internet_route(SUBNET, [table("rtb-o", main=True, vpc="vpc-2")])
