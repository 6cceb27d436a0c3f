"""Records of tests/cases, word for word as a red team left them: which policy answers, and with what."""
from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from guardrails.policies import load
from guardrails.policies.event_pattern import mismatches, pattern_of
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

from .harness import compliance_topic, policies

CASES = Path(__file__).parents[1] / "cases"


def event(name: str, **replaced: str) -> dict[str, Any]:
    """The record as EventBridge hands it over; names of the record's resources are replaced by those of moto."""
    text = (CASES / f"{name}.json").read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert old.replace("_", "-") in text
        text = text.replace(old.replace("_", "-"), new)
    record = json.loads(text)
    return {
        "source": f"aws.{record['eventSource'].partition('.')[0]}", "detail-type": "AWS API Call via CloudTrail",
        "account": ACCOUNT, "region": REGION, "detail": record,
    }


def push(name: str, made: dict[str, Any], output: Path) -> list[dict[str, Any]]:
    """What the policy's function does with the event, which its rule must let through."""
    [loaded] = [policy for policy in load() if policy.name == name]
    assert list(mismatches(pattern_of(loaded), made)) == []
    _, policy = policies()[name]
    return list(engine.load(deepcopy(dict(policy)), output).push(made, None) or ())


def test_an_access_key_of_the_root_is_told_at_once(moto: Moto, tmp_path: Path) -> None:
    with compliance_topic(moto.client) as messages:
        assert push("root-activity-alert", event("root-key"), tmp_path)
    [message] = messages
    assert message["policy"]["name"] == "root-activity-alert"
    assert message["event"]["detail"]["eventID"] == "e-root-key"
    assert "root user" in message["action"]["subject"]


def test_an_opening_by_cloudformation_is_reverted(moto: Moto, tmp_path: Path) -> None:
    ec2 = moto.client("ec2")
    group = ec2.create_security_group(GroupName="stack", Description="stack")["GroupId"]
    rules = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
    ])["SecurityGroupRules"]
    rule = next(each["SecurityGroupRuleId"] for each in rules if each["FromPort"] == 22)
    made = event("authorise-cfn", sg_7c54faa99038c6a8d=group, sgr_zz=rule)
    with compliance_topic(moto.client) as messages:
        assert push("security-group-admin-ports-revert", made, tmp_path)
    [left] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert left["FromPort"] == 443
    [message] = messages
    [receipt] = message["resources"][0]["c7n:Receipts"]
    assert receipt["outcome"] == "reverted"
    assert receipt["caused_by"]["arn"] == "cloudformation.amazonaws.com"
