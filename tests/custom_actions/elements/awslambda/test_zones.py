"""`in-one-zone`: a subnet that EC2 does not show makes its function unknown, and no other."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from custom_actions.resources import ResourcesUnknown
from tests import engine
from tests.moto_server import Moto


def test_a_subnet_that_is_not_shown(moto: Moto, tmp_path: Path) -> None:
    role = moto.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    ec2, functions = moto.client("ec2"), moto.client("lambda")
    [one, two] = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"][:2]]
    gone = ec2.create_subnet(
        VpcId=ec2.describe_vpcs()["Vpcs"][0]["VpcId"], CidrBlock="172.31.200.0/24")["Subnet"]["SubnetId"]
    for name, subnets in {"single": [one], "both": [one, two], "unknown": [one, gone]}.items():
        functions.create_function(
            FunctionName=name, Role=role, Runtime="python3.13", Handler="x.y", Code={"ImageUri": "x"},
            VpcConfig={"SubnetIds": subnets, "SecurityGroupIds": []})
    policy: dict[str, Any] = {"name": "p", "resource": "aws.lambda", "filters": ["in-one-zone"]}
    ec2.delete_subnet(SubnetId=gone)
    with pytest.raises(ResourcesUnknown, match="EC2 does not show"):
        engine.pull(policy, tmp_path)
    functions.delete_function(FunctionName="unknown")
    [found] = engine.pull(policy, tmp_path)
    assert found["FunctionName"] == "single"
    assert found["c7n:InOneZone"].startswith("use1-az")
