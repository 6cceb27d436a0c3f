"""The filter `internet-route` on `aws.subnet`: subnets whose route table leads to an internet gateway."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from c7n.filters import Filter
from c7n.utils import chunks, local_session, type_schema

from ...aws import call

_FILTER_VALUES = 200
"""What EC2 takes as values of one filter."""

RouteTable = Mapping[str, Any]


class InternetRoute(Filter):
    """Subnets whose route table has a route to an internet gateway.

    A subnet goes by the table that is associated with it, and without one by the main table of its VPC. Every route
    to an internet gateway counts, whatever its destination and state. A NAT gateway, an egress-only gateway and a
    virtual private gateway let nobody in, and do not count.

    Written because c7n has this question (`subnet` with `igw: true`) only for what stands in a subnet, such as an
    instance, and not for the subnet itself. One call for the route tables of 200 VPCs. Which table and gateway it is
    is noted as `c7n:InternetRoute`.

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
        tables: list[RouteTable] = []
        for some in chunks(sorted({subnet["VpcId"] for subnet in resources}), _FILTER_VALUES):
            tables += call(lambda vpcs=list(some): [
                table
                for page in client.get_paginator("describe_route_tables").paginate(
                    Filters=[{"Name": "vpc-id", "Values": vpcs}])
                for table in page["RouteTables"]
            ])
        found = []
        for subnet in resources:
            if way := internet_route(subnet, tables):
                subnet[self.annotation_key] = way
                found.append(subnet)
        return found


def internet_route(subnet: Mapping[str, Any], tables: Iterable[RouteTable]) -> str:
    """The subnet's way to an internet gateway in words; empty when it has none.

    Args:
        subnet: with `SubnetId` and `VpcId`.
        tables: the route tables of its VPC at least, as DescribeRouteTables answers.
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
        # Every VPC has a main table, so a part of the answer is missing; unknown must not read as private.
        raise LookupError(f"no route table of {subnet['SubnetId']}, not even the main one of {subnet['VpcId']}")
    name = f"{table['RouteTableId']}{'' if own else ', the main one'}"
    ways = sorted({
        f"{_destination(route)} to {route['GatewayId']}" for route in table.get("Routes") or ()
        if str(route.get("GatewayId") or "").startswith("igw-")
    })
    return f"{name}: {', '.join(ways)}" if ways else ""


def _destination(route: Mapping[str, Any]) -> str:
    keys = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    return str(next((route[key] for key in keys if route.get(key)), "?"))
