"""Firewall policies and rule groups. Source: Network Firewall API, List… and Describe… of FirewallPolicy and RuleGroup.

The account's own: ListRuleGroups leaves out those of AWS, and what other accounts share (PutResourcePolicy) is left out
here, because a share lets this account list and use it, not read it. `aws.firewall` of c7n is the firewall.
"""
from __future__ import annotations

from typing import Any

from c7n.query import DescribeSource, QueryResourceManager, TypeInfo

from .registry import resource_type


class DescribeOwn(DescribeSource):
    """Reads the account's own, with what is said of it (`…Response`, with its tags) and what is in it on one level."""

    def augment(self, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of the resources that are of this account, with their details. No key is in both parts."""
        account = self.manager.config.account_id
        own = [resource for resource in resources if resource["Arn"].split(":")[4] == account]
        found: list[dict[str, Any]] = super().augment(own)
        for resource in found:
            for part in ("FirewallPolicyResponse", "FirewallPolicy", "RuleGroupResponse", "RuleGroup"):
                resource.update(resource.pop(part, {}))
        return found


@resource_type("network-firewall-policy")
class NetworkFirewallPolicy(QueryResourceManager):
    """What the firewalls that use it do with packets.

    .. code-block:: yaml

        policies:
          - name: packets-pass-by-default
            resource: aws.network-firewall-policy
            filters:
              - type: value
                key: StatelessDefaultActions
                op: contains
                value: "aws:pass"
    """

    class resource_type(TypeInfo):  # noqa: N801 - c7n's name
        service = "network-firewall"
        enum_spec = ("list_firewall_policies", "FirewallPolicies", None)
        detail_spec = ("describe_firewall_policy", "FirewallPolicyArn", "Arn", None)
        arn = id = "Arn"
        arn_type = "firewall-policy"
        name = "Name"
        date = "LastModifiedTime"
        cfn_type = "AWS::NetworkFirewall::FirewallPolicy"

    source_mapping = {"describe": DescribeOwn}  # noqa: RUF012 - as c7n has it


@resource_type("network-firewall-rule-group")
class NetworkFirewallRuleGroup(QueryResourceManager):
    """Rules that firewall policies use. A stateless and a stateful one may have the same name.

    .. code-block:: yaml

        policies:
          - name: rule-group-not-used
            resource: aws.network-firewall-rule-group
            filters:
              - NumberOfAssociations: 0
    """

    class resource_type(TypeInfo):  # noqa: N801 - c7n's name
        service = "network-firewall"
        enum_spec = ("list_rule_groups", "RuleGroups", None)
        detail_spec = ("describe_rule_group", "RuleGroupArn", "Arn", None)
        arn = id = "Arn"
        name = "Name"
        date = "LastModifiedTime"
        cfn_type = "AWS::NetworkFirewall::RuleGroup"

    source_mapping = {"describe": DescribeOwn}  # noqa: RUF012 - as c7n has it
