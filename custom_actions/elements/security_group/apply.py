"""Carry out a plan on one group, rule by rule, and read the group back.

Source: EC2's AuthorizeSecurityGroupIngress, RevokeSecurityGroupIngress and DescribeSecurityGroupRules. Each rule of
EC2 has an id and one source, so a revocation by id cannot touch an innocent source on the same port.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ...aws import call, code_of, readings, reason_of
from ...fixing import Call, Outcome
from .plan import Plan
from .rules import Rule, from_security_group_rules

_GONE = ("InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound")
_THERE = ("InvalidPermission.Duplicate",)
_FULL = ("RulesPerSecurityGroupLimitExceeded",)
_NO_SOURCE = ("InvalidGroup.NotFound", "InvalidPrefixListId.NotFound", "InvalidPrefixListID.NotFound")
"""The source is gone since the rule was written down; other rules of the same call can still be opened."""

_ROUNDS = 3
"""How often a group is put right when somebody opens it again while it is being closed."""


@dataclass
class Result:
    """What happened to one group: what was really changed, how it ended, and why."""

    outcome: Outcome
    reason: str = ""
    removed: list[Rule] = field(default_factory=list)
    added: list[Rule] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def inverse(self, group_id: str) -> list[Call]:
        """The calls that give the start back, in the order to make them."""
        calls: list[Call] = []
        # A rule that came and went in several rounds counts once.
        removed = [rule for rule in dict.fromkeys(self.removed) if rule not in self.added]
        added = [rule for rule in dict.fromkeys(self.added) if rule not in self.removed]
        # EC2 takes tags for all the rules of one call, so rules are grouped by theirs.
        for tags in dict.fromkeys(rule.tags for rule in removed):
            parameters = _authorisation(group_id, [rule for rule in removed if rule.tags == tags])
            if tags:
                parameters["TagSpecifications"] = [
                    {"ResourceType": "security-group-rule", "Tags": [{"Key": k, "Value": v} for k, v in tags]}
                ]
            calls.append(Call("ec2", "authorize_security_group_ingress", parameters))
        if added:
            calls.append(Call("ec2", "revoke_security_group_ingress", _authorisation(group_id, added)))
        return calls


def read_rules(client: Any, group_id: str) -> list[Rule]:
    """The ingress rules of a group as EC2 has them now. Raises ClientError."""
    pages = call(lambda: list(
        client.get_paginator("describe_security_group_rules").paginate(
            Filters=[{"Name": "group-id", "Values": [group_id]}], PaginationConfig={"PageSize": 1000}
        )
    ))
    return from_security_group_rules(rule for page in pages for rule in page["SecurityGroupRules"])


def apply(client: Any, group_id: str, plan: Plan, replan: Callable[[Sequence[Rule]], Plan]) -> Result:
    """Carry out `plan` on the group; `replan` says what is left to do for the rules that are read back.

    An AWS error ends no more than its own step: it is part of the result, never raised.
    """
    if plan.refused:
        return Result(Outcome.REFUSED, plan.refused)
    if not plan:
        return Result(Outcome.ALREADY_OK)
    result = Result(Outcome.FAILED, notes=plan.notes)
    problems: list[str] = []
    left: Plan | None = plan
    for _ in range(_ROUNDS):
        if not left or left.refused or problems:
            break
        _carry_out(client, group_id, left, result, problems)
        left = _read_back(client, group_id, replan, result, problems)
    if left is not None and not left:
        result.outcome = Outcome.REVERTED
        return result
    if left:
        problems += [f"left: {line}" for line in left.lines()]
    result.outcome = Outcome.PARTIAL if result.removed or result.added else Outcome.FAILED
    result.reason = "; ".join(problems)
    return result


def _carry_out(client: Any, group_id: str, plan: Plan, result: Result, problems: list[str]) -> None:
    deferred = _authorise(client, group_id, plan.authorise, result, problems, full_is_a_problem=not plan.revoke)
    _revoke(client, group_id, plan.revoke, result, problems)
    if deferred:
        # The group was full; the extra rules have made room by now.
        _authorise(client, group_id, deferred, result, problems)
    for narrowing in plan.narrow:
        before = len(problems)
        _authorise(client, group_id, narrowing.added, result, problems)
        if len(problems) == before:
            _revoke(client, group_id, [narrowing.wide], result, problems)
        else:
            problems.append(f"{narrowing.wide} was left, because its replacement could not be opened")


def _authorise(
    client: Any, group_id: str, rules: Sequence[Rule], result: Result, problems: list[str],
    *, full_is_a_problem: bool = True,
) -> Sequence[Rule]:
    """Open `rules`: in one call, or one by one when a rule among them is there already or has no source any more.

    Returns the rules that found the group full, where that is not yet a problem.
    """
    if not rules:
        return ()
    try:
        call(client.authorize_security_group_ingress, **_authorisation(group_id, rules))
    except ClientError as error:
        if len(rules) > 1 and code_of(error) in (*_THERE, *_FULL, *_NO_SOURCE):
            return [
                rule for one in rules for rule in _authorise(
                    client, group_id, [one], result, problems, full_is_a_problem=full_is_a_problem)
            ]
        if code_of(error) in _FULL and not full_is_a_problem:
            return rules
        if code_of(error) not in _THERE:
            problems.append(reason_of(error))
        return ()
    result.added += rules
    return ()


def _revoke(client: Any, group_id: str, rules: Sequence[Rule], result: Result, problems: list[str]) -> None:
    """Close `rules` by their ids: in one call, or one by one when a rule among them is gone already."""
    if not rules:
        return
    try:
        call(
            client.revoke_security_group_ingress,
            GroupId=group_id, SecurityGroupRuleIds=[rule.rule_id for rule in rules],
        )
    except ClientError as error:
        if code_of(error) not in _GONE:
            problems.append(reason_of(error))
        elif len(rules) > 1:
            for rule in rules:
                _revoke(client, group_id, [rule], result, problems)
        return
    result.removed += rules


def _read_back(
    client: Any, group_id: str, replan: Callable[[Sequence[Rule]], Plan], result: Result, problems: list[str]
) -> Plan | None:
    """What is left to do, once EC2 shows our changes; None when the group could not be read."""
    left = None
    revoked = {rule.rule_id for rule in result.removed}
    try:
        for left in readings(lambda: replan(read_rules(client, group_id))):
            stale = set(left.added) & set(result.added) or {rule.rule_id for rule in left.removed} & revoked
            if problems or not stale:
                break
    except ClientError as error:
        problems.append(f"could not read the group back: {reason_of(error)}")
        return None
    return left


def _authorisation(group_id: str, rules: Sequence[Rule]) -> dict[str, Any]:
    return {"GroupId": group_id, "IpPermissions": [rule.to_permission() for rule in rules]}
