"""Policies and rule groups. Source: Network Firewall's Create-, Describe- and List- of FirewallPolicy and RuleGroup."""
from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import ACCOUNT, REGION, Moto

FORWARD: dict[str, Any] = {
    "StatelessDefaultActions": ["aws:forward_to_sfe"], "StatelessFragmentDefaultActions": ["aws:drop", "counted"]}
RULES = "drop tcp any any -> any any (sid:1;)"
RULE = {"Priority": 1, "RuleDefinition": {"MatchAttributes": {}, "Actions": ["aws:drop"]}}
START = f"arn:aws:network-firewall:{REGION}:{ACCOUNT}"


def stateless(*rules: Any) -> dict[str, Any]:
    return {"RulesSource": {"StatelessRulesAndCustomActions": {"StatelessRules": list(rules)}}}


def test_a_policy_is_created_listed_and_read(moto: Moto) -> None:
    client = moto.client("network-firewall")
    assert client.list_firewall_policies()["FirewallPolicies"] == []
    tags = [{"Key": "team", "Value": "net"}]
    made = client.create_firewall_policy(
        FirewallPolicyName="main", FirewallPolicy=FORWARD, Description="ours", Tags=tags)["FirewallPolicyResponse"]
    arn = made["FirewallPolicyArn"]
    assert arn == f"{START}:firewall-policy/main"
    assert client.list_firewall_policies()["FirewallPolicies"] == [{"Name": "main", "Arn": arn}]
    for asked in ({"FirewallPolicyArn": arn}, {"FirewallPolicyName": "main"}):
        found = client.describe_firewall_policy(**asked)
        assert found["FirewallPolicy"] == FORWARD
        assert found["FirewallPolicyResponse"] == made
    assert (made["Tags"], made["Description"], made["NumberOfAssociations"]) == (tags, "ours", 0)
    client.create_firewall(FirewallName="one", FirewallPolicyArn=arn)
    response = client.describe_firewall_policy(FirewallPolicyArn=arn)["FirewallPolicyResponse"]
    assert response["NumberOfAssociations"] == 1
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.describe_firewall_policy(FirewallPolicyName="other")
    with pytest.raises(ClientError, match="already exists"):
        client.create_firewall_policy(FirewallPolicyName="main", FirewallPolicy=FORWARD)


@pytest.mark.parametrize("actions", [[], ["counted"], ["aws:drop", "aws:pass"]])
@pytest.mark.parametrize("key", sorted(FORWARD))
def test_default_actions_have_one_standard_action(moto: Moto, key: str, actions: list[str]) -> None:
    client = moto.client("network-firewall")
    with pytest.raises(ClientError, match=f"InvalidRequestException.*{key}"):
        client.create_firewall_policy(FirewallPolicyName="main", FirewallPolicy={**FORWARD, key: actions})


def test_a_rule_group_is_created_listed_and_read(moto: Moto) -> None:
    client = moto.client("network-firewall")
    assert client.list_rule_groups()["RuleGroups"] == []
    full, empty = stateless(RULE), stateless()
    made = client.create_rule_group(RuleGroupName="g", Type="STATELESS", Capacity=10, RuleGroup=full)
    client.create_rule_group(RuleGroupName="empty", Type="STATELESS", Capacity=10, RuleGroup=empty)
    client.create_rule_group(RuleGroupName="g", Type="STATEFUL", Capacity=20, Rules=RULES)
    arns = [f"{START}:stateless-rulegroup/g", f"{START}:stateless-rulegroup/empty", f"{START}:stateful-rulegroup/g"]
    assert [each["Arn"] for each in client.list_rule_groups()["RuleGroups"]] == arns
    assert [each["Arn"] for each in client.list_rule_groups(Type="STATEFUL")["RuleGroups"]] == arns[2:]
    assert client.list_rule_groups(Scope="MANAGED")["RuleGroups"] == []
    assert [client.describe_rule_group(RuleGroupArn=arn)["RuleGroup"] for arn in arns] == [
        full, empty, {"RulesSource": {"RulesString": RULES}}]
    found = client.describe_rule_group(RuleGroupName="g", Type="STATEFUL")["RuleGroupResponse"]
    assert (found["RuleGroupArn"], found["Type"], found["Capacity"]) == (arns[2], "STATEFUL", 20)
    found = client.describe_rule_group(RuleGroupName="g", Type="STATELESS")["RuleGroupResponse"]
    assert found == made["RuleGroupResponse"]
    assert (found["RuleGroupArn"], found["RuleGroupStatus"], found["NumberOfAssociations"]) == (arns[0], "ACTIVE", 0)
    client.create_firewall_policy(FirewallPolicyName="main", FirewallPolicy={
        **FORWARD, "StatelessRuleGroupReferences": [{"ResourceArn": arns[0], "Priority": 1}]})
    assert client.describe_rule_group(RuleGroupArn=arns[0])["RuleGroupResponse"]["NumberOfAssociations"] == 1
    with pytest.raises(ClientError, match="InvalidRequestException"):
        client.describe_rule_group(RuleGroupName="g")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.describe_rule_group(RuleGroupName="empty", Type="STATEFUL")
    with pytest.raises(ClientError, match="InvalidRequestException"):
        client.create_rule_group(RuleGroupName="neither", Type="STATEFUL", Capacity=1)


def test_lists_have_pages_and_a_dry_run_makes_nothing(moto: Moto) -> None:
    client = moto.client("network-firewall")
    for name in "abc":
        client.create_firewall_policy(FirewallPolicyName=name, FirewallPolicy=FORWARD)
        client.create_rule_group(RuleGroupName=name, Type="STATELESS", Capacity=1, RuleGroup=stateless())
    client.create_firewall_policy(FirewallPolicyName="d", FirewallPolicy=FORWARD, DryRun=True)
    client.create_rule_group(RuleGroupName="d", Type="STATELESS", Capacity=1, RuleGroup=stateless(), DryRun=True)
    for operation, key in (("list_firewall_policies", "FirewallPolicies"), ("list_rule_groups", "RuleGroups")):
        pages = list(client.get_paginator(operation).paginate(PaginationConfig={"PageSize": 2}))
        assert [[each["Name"] for each in page[key]] for page in pages] == [["a", "b"], ["c"]]


def test_a_reset_empties_it(moto: Moto) -> None:
    client = moto.client("network-firewall")
    client.create_firewall_policy(FirewallPolicyName="main", FirewallPolicy=FORWARD)
    moto.reset()
    assert client.list_firewall_policies()["FirewallPolicies"] == []
