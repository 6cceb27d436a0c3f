"""The filter `whole-peer-route` on `aws.route-table`: routes to everything in a peered VPC."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import filtered
from ...errors import CannotRead
from ..security_group import PrefixListReader

_CONNECTION = "VpcPeeringConnectionId"
_SIDES = ("RequesterVpcInfo", "AccepterVpcInfo")

Network = IPv4Network | IPv6Network


class WholePeerRoute(Filter):
    """Route tables that send traffic for a whole CIDR block of a peered VPC, or more, over the peering connection.

    All routes of the table over the connection count together, so the two halves of a block are the block. Routes to a
    prefix list count with the blocks in it. A route whose state is `blackhole` leads nowhere and does not count. The
    connection, the block and the routes are kept on the table as `c7n:WholePeerRoute`.

    Raises CannotRead when AWS does not show a connection, the blocks of the peered VPC, or a prefix list.

    Written because c7n's `route` compares a route with a fixed value. It does not know the other VPC.

    :example:

    .. code-block:: yaml

        policies:
          - name: route-table-peering-least-access
            resource: aws.route-table
            filters:
              - whole-peer-route
    """

    schema = type_schema("whole-peer-route")
    permissions = ("ec2:DescribeVpcPeeringConnections", "ec2:GetManagedPrefixListEntries")
    annotation_key = "c7n:WholePeerRoute"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        session = local_session(self.manager.session_factory)
        client = session.client("ec2")
        ids = {route[_CONNECTION] for table in resources for route in peering_routes(table)}
        connections = {connection[_CONNECTION]: connection for connection in filtered(
            client, "describe_vpc_peering_connections", "VpcPeeringConnections", "vpc-peering-connection-id", ids)}
        lists = PrefixListReader(lambda: client)
        found = []
        for table in resources:
            if whole := whole_peers(table, connections, lists):
                table[self.annotation_key] = whole
                found.append(table)
        return found


def peering_routes(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The routes of a table over peering connections, without those that lead nowhere."""
    return [
        route for route in table.get("Routes") or ()
        if route.get(_CONNECTION) and route.get("State") != "blackhole"]


def whole_peers(
    table: Mapping[str, Any], connections: Mapping[str, Mapping[str, Any]],
    lists: Callable[[str], Sequence[str] | None],
) -> list[str]:
    """The blocks of peered VPCs that the table routes as a whole, in words.

    Args:
        table: from DescribeRouteTables.
        connections: from DescribeVpcPeeringConnections, by id.
        lists: gives the blocks in a prefix list; None when AWS does not show it.

    Raises CannotRead for what AWS does not show.
    """
    destinations: dict[str, list[Network]] = {}
    for route in peering_routes(table):
        destinations.setdefault(route[_CONNECTION], []).extend(_destinations(route, lists))
    found = []
    for connection, networks in sorted(destinations.items()):
        if connection not in connections:
            raise CannotRead(f"AWS does not show the peering connection {connection}")
        routed = [*_joined(networks, IPv4Network), *_joined(networks, IPv6Network)]
        for block in _peer_blocks(connections[connection], table["VpcId"]):
            found += [
                f"{connection}: {way}, which is {'more than ' if way != block else ''}the whole block {block} of the "
                "peered VPC" for way in routed if _holds(way, block)]
    return found


def _holds(way: Any, block: Network) -> bool:
    return way.version == block.version and bool(block.subnet_of(way))


def _joined(networks: Iterable[Network], kind: type[Any]) -> list[Network]:
    return list(collapse_addresses(network for network in networks if isinstance(network, kind)))


def _destinations(route: Mapping[str, Any], lists: Callable[[str], Sequence[str] | None]) -> list[Network]:
    for key in ("DestinationCidrBlock", "DestinationIpv6CidrBlock"):
        if block := route.get(key):
            return [ip_network(block)]
    name = str(route.get("DestinationPrefixListId") or "")
    blocks = lists(name) if name else None
    if blocks is None:
        raise CannotRead(f"AWS does not show the destination of a route over {route[_CONNECTION]}: {name or route}")
    return [ip_network(block) for block in blocks]


def _peer_blocks(connection: Mapping[str, Any], vpc: str) -> list[Network]:
    """The blocks of the VPC on the other side."""
    sides = [connection.get(side) or {} for side in _SIDES]
    others = [side for side in sides if side.get("VpcId") != vpc]
    blocks = {
        block for side in others for block in (
            side.get("CidrBlock"), *(each.get("CidrBlock") for each in side.get("CidrBlockSet") or ()),
            *(each.get("Ipv6CidrBlock") for each in side.get("Ipv6CidrBlockSet") or ())) if block}
    if len(others) != 1 or not blocks:
        raise CannotRead(f"AWS does not show the blocks of the VPC on the other side of {connection[_CONNECTION]}")
    return sorted((ip_network(block) for block in blocks), key=lambda block: (block.version, block))
