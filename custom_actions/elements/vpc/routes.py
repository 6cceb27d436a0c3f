"""The filter `internet-route` on `aws.subnet`: subnets with a route to an internet gateway."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import filtered

RouteTable = Mapping[str, Any]


class InternetRoute(Filter):
    """Subnets whose route table has a route to an internet gateway.

    The route table of a subnet is the one associated with it, or else the main table of its VPC. Every route to an
    internet gateway counts, whatever its destination and state. NAT gateways, egress-only gateways and virtual private
    gateways do not count, because they let no traffic in from the internet. One call for the route tables of 200 VPCs.
    The table and the gateway are kept on the subnet as `c7n:InternetRoute`.

    Written because c7n has this check (`subnet` with `igw: true`) only for resources in a subnet, such as instances,
    not for the subnet itself.

    :example:

    .. code-block:: yaml

        policies:
          - name: subnet-private
            resource: aws.subnet
            filters:
              - or:
                  - MapPublicIpOnLaunch: true
                  - internet-route
    """

    schema = type_schema("internet-route")
    permissions = ("ec2:DescribeRouteTables",)
    annotation_key = "c7n:InternetRoute"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("ec2")
        vpcs = {subnet["VpcId"] for subnet in resources}
        tables = filtered(client, "describe_route_tables", "RouteTables", "vpc-id", vpcs)
        found = []
        for subnet in resources:
            if way := internet_route(subnet, tables):
                subnet[self.annotation_key] = way
                found.append(subnet)
        return found


def internet_route(subnet: Mapping[str, Any], tables: Iterable[RouteTable]) -> str:
    """The routes of a subnet to an internet gateway, in words; empty when it has none.

    Args:
        subnet: with `SubnetId` and `VpcId`.
        tables: route tables from DescribeRouteTables, at least those of its VPC.

    Raises LookupError when neither the subnet's table nor the main table of its VPC is among them.
    """
    own = main = None
    for candidate in tables:
        for association in candidate.get("Associations") or ():
            if association.get("SubnetId") == subnet["SubnetId"]:
                own = candidate
            elif association.get("Main") and candidate["VpcId"] == subnet["VpcId"]:
                main = candidate
    table = own or main
    if table is None:
        # Every VPC has a main table, so the response is incomplete; unknown must not be read as private.
        raise LookupError(f"found neither a route table of {subnet['SubnetId']} nor the main one of {subnet['VpcId']}")
    name = f"{table['RouteTableId']}{'' if own else ' (main)'}"
    ways = sorted({
        f"{_destination(route)} to {route['GatewayId']}" for route in table.get("Routes") or ()
        if str(route.get("GatewayId") or "").startswith("igw-")
    })
    return f"{name}: {', '.join(ways)}" if ways else ""


def _destination(route: Mapping[str, Any]) -> str:
    keys = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    return str(next((route[key] for key in keys if route.get(key)), "?"))
