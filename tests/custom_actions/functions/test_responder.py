"""A message brings a fix forward; AWS, and the policy with its scope and exceptions, say what is fixed."""
from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import boto3
import pytest

from custom_actions.functions.messages import Ignored
from custom_actions.functions.responder import Responder, StillDrifting
from tests.moto_server import ACCOUNT, REGION, Moto

from .test_messages import alert, change

POLICY: dict[str, Any] = {
    "name": "ports", "resource": "aws.security-group", "metadata": {"response": "revert"},
    "mode": {"type": "config-rule"},
    "filters": [
        {"type": "scope", "filters": [{"type": "value", "key": "GroupName", "op": "ne", "value": "elsewhere"}]},
        {"type": "ingress", "Ports": [22], "Cidr": {"value": "0.0.0.0/0"}},
    ],
    "actions": [{"type": "remove-permissions", "ingress": "matched"}],
}


@pytest.fixture
def groups(moto: Moto) -> dict[str, str]:
    """Groups with port 22 open, by name; `shut` has none."""
    ec2 = boto3.client("ec2", region_name=REGION)
    made = {name: ec2.create_security_group(GroupName=name, Description="x")["GroupId"]
            for name in ("open", "elsewhere", "bastion", "shut")}
    for name in ("open", "elsewhere", "bastion"):
        ec2.authorize_security_group_ingress(
            GroupId=made[name], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    return made


def still_open(groups: dict[str, str]) -> set[str]:
    found = boto3.client("ec2", region_name=REGION).describe_security_groups(GroupIds=list(groups.values()))
    return {group["GroupName"] for group in found["SecurityGroups"] if group["IpPermissions"]}


def responder(**policy: Any) -> Responder:
    return Responder({"execution-options": {"account_id": ACCOUNT}, "policies": [{**POLICY, **policy}]})


def of_config(group: str) -> str:
    return json.dumps(change(awsAccountId=ACCOUNT, awsRegion=REGION, resourceId=group))


def test_only_what_drifts_now_is_fixed(groups: dict[str, str]) -> None:
    answers = responder(filters=[*POLICY["filters"], {"type": "excepted", "exceptions": [{
        "policy": "ports", "account": ACCOUNT, "resource": groups["bastion"], "reason": "a bastion",
        "owner": "me@example.org", "expires": str(date.today() + timedelta(days=30))}]}])
    for name in ("elsewhere", "bastion", "shut"):
        answers.answer(of_config(groups[name]))
    # The message says of all of them that they are open to the world.
    told = [{"GroupId": group, "IpPermissions": [{"FromPort": 22}]} for group in groups.values()]
    assert still_open(groups) == {"open", "elsewhere", "bastion"}
    answers.answer(alert(account_id=ACCOUNT, region=REGION, resources=told))
    assert still_open(groups) == {"elsewhere", "bastion"}


def test_what_is_gone_ends_it_and_what_still_drifts_is_an_error(groups: dict[str, str]) -> None:
    with pytest.raises(Ignored, match="ports: the resource was deleted"):
        responder().answer(of_config("sg-0123456789abcdef0"))
    tags = responder(actions=[{"type": "tag", "key": "seen", "value": "yes"}])
    with pytest.raises(StillDrifting, match=f"still violated after the response: {groups['open']}"):
        tags.answer(of_config(groups["open"]))


def test_a_policy_that_is_not_in_force_fixes_nothing(groups: dict[str, str]) -> None:
    off = responder(conditions=[{"region": "us-gov-west-1"}])
    with pytest.raises(Ignored, match="ports: it is not enabled here"):
        off.answer(of_config(groups["open"]))
    assert "open" in still_open(groups)
