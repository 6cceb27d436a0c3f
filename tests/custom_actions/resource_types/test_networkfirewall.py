"""Firewall policies and rule groups: the account's own, with what policies read on one level."""
from __future__ import annotations

from pathlib import Path

from guardrails.sandbox.given_state import set_state
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

TAGS = [{"Key": "team", "Value": "net"}]
OTHER = f"arn:aws:network-firewall:{REGION}:999988887777"


def test_a_policy_has_its_tags_and_its_settings(moto: Moto, tmp_path: Path) -> None:
    moto.client("network-firewall").create_firewall_policy(FirewallPolicyName="main", Tags=TAGS, FirewallPolicy={
        "StatelessDefaultActions": ["aws:drop"], "StatelessFragmentDefaultActions": ["aws:pass"]})
    [found] = engine.pull({"name": "p", "resource": "aws.network-firewall-policy"}, tmp_path)
    assert (found["Name"], found["Arn"]) == ("main", found["FirewallPolicyArn"])
    assert (found["Tags"], found["StatelessDefaultActions"]) == (TAGS, ["aws:drop"])
    assert not {"FirewallPolicy", "FirewallPolicyResponse"} & found.keys()


def test_a_rule_group_has_its_tags_and_its_rules(moto: Moto, tmp_path: Path) -> None:
    client = moto.client("network-firewall")
    for kind in ("STATELESS", "STATEFUL"):
        client.create_rule_group(
            RuleGroupName="same", Type=kind, Capacity=1, Tags=TAGS,
            RuleGroup={"RulesSource": {"RulesString": kind}})
    found = engine.pull({"name": "p", "resource": "aws.network-firewall-rule-group"}, tmp_path)
    assert [(each["Type"], each["RulesSource"]["RulesString"]) for each in found] == [
        ("STATELESS", "STATELESS"), ("STATEFUL", "STATEFUL")]
    assert all(each["Tags"] == TAGS and each["Arn"] == each["RuleGroupArn"] for each in found)


def test_what_another_account_shares_is_not_read(moto: Moto, tmp_path: Path) -> None:
    client = moto.client("network-firewall")
    for name in ("own", "shared"):
        client.create_rule_group(
            RuleGroupName=name, Type="STATELESS", Capacity=1, RuleGroup={"RulesSource": {}})
    set_state(
        f"network-firewall.rule_groups.arn:aws:network-firewall:{REGION}:{ACCOUNT}:stateless-rulegroup/shared.arn",
        f"{OTHER}:stateless-rulegroup/shared", account=ACCOUNT, region=REGION)
    assert len(client.list_rule_groups()["RuleGroups"]) == 2
    found = engine.pull({"name": "p", "resource": "aws.network-firewall-rule-group"}, tmp_path)
    assert [each["Name"] for each in found] == ["own"]
