"""What `vpc-flow-logs-central` asks of a flow log, one thing at a time.

Not among the policy's cases: its fix cannot put a second log beside one for the same group, and says so.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto
from tests.policies.harness import policies


@pytest.mark.parametrize(("change", "found"), [
    ({}, False),
    ({"traffic_type": "REJECT"}, True),
    ({"log_group_name": "elsewhere"}, True),
    ({"deliver_logs_error_message": "Access error"}, True),
    ({"flow_log_status": "INACTIVE"}, True),
])
def test_a_log_of_the_wrong_kind_is_not_enough(
    moto: Moto, tmp_path: Path, change: dict[str, str], found: bool
) -> None:
    ec2 = moto.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    log = ec2.create_flow_logs(
        ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName="vpc-flow-logs",
        DeliverLogsPermissionArn=f"arn:aws:iam::{ACCOUNT}:role/vpc-flow-logs")["FlowLogIds"][0]
    for name, value in change.items():
        setattr(ec2_backends[ACCOUNT][REGION].flow_logs[log], name, value)
    _, data = policies()["vpc-flow-logs-central"]
    policy: dict[str, Any] = {key: value for key, value in data.items() if key != "mode"}
    loaded = engine.load(policy, tmp_path, dryrun=True, variables={"profiles": ["central-flow-logs"]})
    assert (vpc in [resource["VpcId"] for resource in loaded()]) is found
