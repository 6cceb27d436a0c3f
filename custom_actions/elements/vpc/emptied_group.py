"""The action `remove-all-rules` on `aws.security-group`.

Source: EC2's DescribeSecurityGroupRules, RevokeSecurityGroupIngress and RevokeSecurityGroupEgress, which take the ids
of rules, and AuthorizeSecurityGroupIngress and AuthorizeSecurityGroupEgress; VPC user guide, "Default security groups".
"""
from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, again, fix_by_plan
from ..security_group import Rule, RuleError, from_security_group_rules, inverse
from .interfaces import attached

_OUTBOUND = "IsEgress"


def plan_removal(group_id: str, found: Collection[Mapping[str, Any]], *, used: bool) -> FixPlan:
    """Remove every rule of a group, in one call for each direction.

    Args:
        found: the rules, from DescribeSecurityGroupRules.
        used: whether a network interface uses the group.

    Raises Refusal if the group is used, or if a rule cannot be restored.
    """
    if not found:
        return FixPlan()
    if used:
        raise Refusal(
            "network interfaces use it, and would lose their connections: give them security groups of their own first")
    steps = []
    for direction, outbound in (("ingress", False), ("egress", True)):
        try:
            # A rule is the same in both directions, but for the meaning of the addresses.
            rules = from_security_group_rules(
                {**rule, _OUTBOUND: False} for rule in found if bool(rule[_OUTBOUND]) is outbound)
        except RuleError as error:
            raise Refusal(f"a rule could not be restored: {error}") from None
        if rules:
            steps.append(_removal(group_id, rules, direction))
    return FixPlan(steps)


def _removal(group_id: str, rules: Sequence[Rule], direction: str) -> Step:
    back = [Call(each.service, each.operation.replace("ingress", direction), each.parameters)
            for each in inverse(group_id, rules, [])]
    return Step(
        f"remove {len(rules)} {direction} rules",
        Call("ec2", f"revoke_security_group_{direction}", {
            "GroupId": group_id, "SecurityGroupRuleIds": [rule.rule_id for rule in rules]}),
        back, removed={direction: [rule.to_dict() for rule in rules]}, overwrites=True)


class RemoveAllRules(Fix):
    """Remove all inbound and outbound rules of a group that no network interface uses, and verify the result.

    A group that is used is refused. The receipt has the rules with their descriptions and tags, and the calls that
    restore them, with new ids.

    Written because c7n's `remove-permissions` revokes a port with every source on it, stops at the first rule that is
    gone already, and does not look whether the group is used.

    :example:

    .. code-block:: yaml

        policies:
          - name: security-group-default-close
            resource: aws.security-group
            filters:
              - GroupName: default
            actions:
              - remove-all-rules
    """

    schema = type_schema("remove-all-rules", otherwise=OTHERWISE)
    schema_alias = False
    inverses = tuple(
        Inverse("ec2", f"authorize_security_group_{direction}", "GroupId",
                optional=("IpPermissions", "TagSpecifications"), already=("InvalidPermission.Duplicate",),
                split="IpPermissions", redo=again(f"revoke_security_group_{direction}", "TagSpecifications"))
        for direction in ("ingress", "egress"))
    permissions = (
        "ec2:DescribeSecurityGroupRules", "ec2:DescribeNetworkInterfaces", "ec2:RevokeSecurityGroupIngress",
        "ec2:RevokeSecurityGroupEgress")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Remove the rules of one group."""
        client, group_id = session.client("ec2"), resource["GroupId"]
        owner, account = resource.get("OwnerId"), self.manager.config.account_id
        if owner and account and owner != account:
            raise Refusal(f"the group belongs to the account {owner}, which shares it: its rules are changed there")

        def plan() -> FixPlan:
            pages = call(lambda: list(client.get_paginator("describe_security_group_rules").paginate(
                Filters=[{"Name": "group-id", "Values": [group_id]}], PaginationConfig={"PageSize": 1000})))
            found = [rule for page in pages for rule in page["SecurityGroupRules"]]
            return plan_removal(group_id, found, used=group_id in attached(client, [group_id]))

        yield fix_by_plan(lambda service: client, plan)
