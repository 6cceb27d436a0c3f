"""`unattached` and `internet-route` through c7n, against moto: what is asked, and that a denied answer is no answer."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n.credentials import SessionFactory
from c7n.utils import local_session

from custom_actions.resources import ResourcesUnknown
from tests import engine
from tests.moto_server import REGION, Moto


def policy(resource: str, *filters: Any) -> dict[str, Any]:
    return {"name": "p", "resource": f"aws.{resource}", "filters": list(filters)}


@contextmanager
def watching(operation: str, answer: Callable[[], ClientError | None] = lambda: None) -> Iterator[list[str]]:
    """The calls of an operation of c7n's own EC2 client, each of which `answer` may refuse."""
    asked: list[str] = []

    def before_call(params: dict[str, Any], **_: Any) -> None:
        asked.append(str(params["body"]))
        if error := answer():
            raise error

    events = local_session(SessionFactory(REGION)).events
    events.register(f"before-call.ec2.{operation}", before_call)
    try:
        yield asked
    finally:
        events.unregister(f"before-call.ec2.{operation}", before_call)


def denied() -> ClientError:
    return ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "Describe")


def test_groups_without_an_interface_are_found_in_one_call(moto: Moto, tmp_path: Path) -> None:
    ec2 = moto.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    used, also_used, unused = (
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in "abc")
    ec2.create_network_interface(SubnetId=subnet, Groups=[used, also_used])
    with watching("DescribeNetworkInterfaces") as asked:
        found = engine.pull(policy("security-group", {"VpcId": vpc}, "unattached"), tmp_path)
    assert {used, also_used}.isdisjoint(group["GroupId"] for group in found)
    [mine] = [group for group in found if group["GroupId"] == unused]
    assert mine["c7n:Unattached"] == "no network interface uses the group"
    assert len(asked) == 1


@pytest.mark.parametrize(("resource", "filter_", "operation"), [
    ("security-group", "unattached", "DescribeNetworkInterfaces"),
    ("subnet", "internet-route", "DescribeRouteTables"),
])
def test_a_denied_answer_is_an_error(
    moto: Moto, tmp_path: Path, resource: str, filter_: str, operation: str
) -> None:
    with watching(operation, denied), pytest.raises((ClientError, ResourcesUnknown), match="Unauthorized"):
        engine.pull(policy(resource, filter_), tmp_path)


def test_a_subnet_is_found_by_its_route_and_told_with_it(moto: Moto, tmp_path: Path) -> None:
    ec2 = moto.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    public, private = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24")["Subnet"]["SubnetId"] for n in (1, 2))
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=public)
    with watching("DescribeRouteTables") as asked:
        [found] = engine.pull(policy("subnet", {"VpcId": vpc}, "internet-route"), tmp_path)
    assert found["SubnetId"] == public != private
    assert found["c7n:InternetRoute"] == f"{table}: 0.0.0.0/0 to {gateway}"
    assert len(asked) == 1
