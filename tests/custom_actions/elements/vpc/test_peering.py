"""Which blocks of a peered VPC a route table sends over the connection."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from custom_actions.elements.vpc.peering import whole_peers
from custom_actions.errors import CannotRead
from custom_actions.resources import ResourcesUnknown
from tests import engine
from tests.moto_server import Moto
from tests.wire import Wire

PEER = {
    "VpcId": "vpc-2", "CidrBlock": "10.2.0.0/16",
    "CidrBlockSet": [{"CidrBlock": "10.2.0.0/16"}, {"CidrBlock": "100.64.0.0/24"}],
    "Ipv6CidrBlockSet": [{"Ipv6CidrBlock": "2001:db8::/56"}],
}
OURS = {"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/16"}
CONNECTIONS = {"pcx-1": {"VpcPeeringConnectionId": "pcx-1", "RequesterVpcInfo": OURS, "AccepterVpcInfo": PEER}}
LISTS = {"pl-whole": ["192.0.2.0/24", "100.64.0.0/25", "100.64.0.128/25"], "pl-part": ["10.2.1.0/24"]}


def to(destination: str, **route: Any) -> dict[str, Any]:
    key = ("DestinationPrefixListId" if destination.startswith("pl-") else
           "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock")
    return {key: destination, "VpcPeeringConnectionId": "pcx-1", "State": "active", **route}


def table(*routes: dict[str, Any], vpc: str = "vpc-1") -> dict[str, Any]:
    local = {"DestinationCidrBlock": "10.1.0.0/16", "GatewayId": "local", "State": "active"}
    return {"RouteTableId": "rtb-1", "VpcId": vpc, "Routes": [local, *routes]}


@pytest.mark.parametrize(("routes", "said"), [
    ([], []),
    ([to("10.2.1.0/24"), to("10.2.2.7/32"), to("10.1.0.0/17"), to("2001:db8::/64"), to("pl-part")], []),
    ([to("10.2.0.0/16")], ["10.2.0.0/16, which is the whole block 10.2.0.0/16"]),
    ([to("10.2.0.0/17"), to("10.2.128.0/17")], ["10.2.0.0/16, which is the whole block 10.2.0.0/16"]),
    ([to("10.0.0.0/8")], ["10.0.0.0/8, which is more than the whole block 10.2.0.0/16"]),
    ([to("0.0.0.0/0")], [
        "0.0.0.0/0, which is more than the whole block 10.2.0.0/16",
        "0.0.0.0/0, which is more than the whole block 100.64.0.0/24"]),
    ([to("::/0")], ["::/0, which is more than the whole block 2001:db8::/56"]),
    ([to("pl-whole")], ["100.64.0.0/24, which is the whole block 100.64.0.0/24"]),
    ([to("10.2.0.0/16", State="blackhole")], []),
    ([to("10.2.0.0/16", VpcPeeringConnectionId=None, TransitGatewayId="tgw-1")], []),
])
def test_whole_blocks_are_named(routes: list[dict[str, Any]], said: list[str]) -> None:
    found = whole_peers(table(*routes), CONNECTIONS, LISTS.get)
    assert found == [f"pcx-1: {each} of the peered VPC" for each in said]


def test_the_other_side_is_the_one_of_another_vpc() -> None:
    assert whole_peers(table(to("10.2.0.0/16"), vpc="vpc-2"), CONNECTIONS, LISTS.get) == []
    assert len(whole_peers(table(to("10.1.0.0/16"), vpc="vpc-2"), CONNECTIONS, LISTS.get)) == 1


@pytest.mark.parametrize(("routes", "connections", "said"), [
    ([to("10.2.0.0/24")], {}, "connection pcx-1"),
    ([to("10.2.0.0/24")], {"pcx-1": {**CONNECTIONS["pcx-1"], "AccepterVpcInfo": {"VpcId": "vpc-2"}}}, "blocks"),
    ([to("10.2.0.0/24")], {"pcx-1": {"VpcPeeringConnectionId": "pcx-1"}}, "blocks"),
    ([to("pl-hidden")], CONNECTIONS, "pl-hidden"),
    ([{"VpcPeeringConnectionId": "pcx-1", "State": "active"}], CONNECTIONS, "destination"),
])
def test_what_aws_does_not_show_is_unknown(routes: Any, connections: Any, said: str) -> None:
    with pytest.raises(CannotRead, match=said):
        whole_peers(table(*routes), connections, LISTS.get)


def test_so_is_every_table_with_such_a_route_when_the_connections_may_not_be_read(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ec2 = moto.client("ec2")
    ours, theirs = (ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"] for block in ("10.1.0.0/16", "10.2.0.0/16"))
    peering = ec2.create_vpc_peering_connection(VpcId=ours, PeerVpcId=theirs)["VpcPeeringConnection"]
    made = ec2.create_route_table(VpcId=ours)["RouteTable"]["RouteTableId"]
    ec2.create_route(
        RouteTableId=made, DestinationCidrBlock="10.2.0.0/16",
        VpcPeeringConnectionId=peering["VpcPeeringConnectionId"])
    policy = {"name": "p", "resource": "aws.route-table", "filters": ["whole-peer-route"]}
    assert [each["RouteTableId"] for each in engine.pull(policy, tmp_path, dryrun=True)] == [made]
    wire = Wire()
    wire.install(monkeypatch)
    wire.fail("DescribeVpcPeeringConnections", peering["VpcPeeringConnectionId"])
    with pytest.raises(ResourcesUnknown, match=made):
        engine.pull(policy, tmp_path, dryrun=True)
