"""A network resource of another account stays visible, with that account as its owner."""
from __future__ import annotations

import pytest

from guardrails.sandbox import Sandbox
from guardrails.sandbox.errors import SandboxError
from guardrails.sandbox.ownership import set_owner
from tests.moto_server import ACCOUNT, REGION, Moto

OWNER = "999988887777"


def test_the_api_tells_the_new_owner(moto: Moto) -> None:
    ec2 = moto.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24", AvailabilityZone=f"{REGION}a")["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    other = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    for path in (f"vpcs.{vpc}", f"subnets.{REGION}a.{subnet}", f"route_tables.{table}", f"groups.{vpc}.{group}"):
        set_owner(f"ec2.{path}", OWNER, account=ACCOUNT, region=REGION)
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["OwnerId"] == OWNER
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["OwnerId"] == OWNER
    assert ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["OwnerId"] == OWNER
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["OwnerId"] == OWNER
    assert ec2.describe_vpcs(VpcIds=[other])["Vpcs"][0]["OwnerId"] == ACCOUNT


@pytest.mark.parametrize("path", ["ec2.vpcs.vpc-0", "ec2.vpcs", "ec2.nothing"])
def test_what_has_no_owner_is_refused(moto: Moto, path: str) -> None:
    with pytest.raises(LookupError, match=path):
        set_owner(path, OWNER, account=ACCOUNT, region=REGION)


def test_a_sandbox_gives_a_vpc_away(sandbox: Sandbox, account: str) -> None:
    ec2 = sandbox.client("ec2", account)
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    sandbox.set_owner(f"ec2.vpcs.{vpc}", OWNER, account=account)
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["OwnerId"] == OWNER
    with pytest.raises(SandboxError, match=r"nothing got another owner: .*no vpc-none"):
        sandbox.set_owner("ec2.vpcs.vpc-none", OWNER, account=account)
