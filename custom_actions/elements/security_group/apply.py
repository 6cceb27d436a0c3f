"""Reads a group's ingress rules, and carries out a plan for them rule by rule.

Source: EC2's AuthorizeSecurityGroupIngress, RevokeSecurityGroupIngress and DescribeSecurityGroupRules. Each EC2 rule
has an id and one source, so a revocation by id cannot affect another source on the same port.
"""
from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from ...aws import call, code_of
from ...errors import CannotRead, Refusal
from ...fixing import Call, FixResult, Left, Make, Outcome, Step, calls, carry_out
from .plan import Plan
from .rules import Rule, RuleError, from_security_group_rules

_GONE = frozenset({"InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound"})
_THERE = frozenset({"InvalidPermission.Duplicate"})
_FULL = frozenset({"RulesPerSecurityGroupLimitExceeded"})
_NO_SOURCE = frozenset({"InvalidGroup.NotFound", "InvalidPrefixListId.NotFound", "InvalidPrefixListID.NotFound"})
"""The source was deleted after the rule was recorded. Other rules of the same call can still be opened."""

_TAGS = "TagSpecifications"
_ROUNDS = 3
"""How often a group is fixed if someone opens it again while it is being closed."""


@dataclass(frozen=True)
class RuleStep(Step):
    """A step that opens or closes one rule."""

    rule: Rule | None = None
    opens: bool = False


def read_rules(client: Any, group_id: str) -> list[Rule]:
    """The ingress rules of a group as EC2 has them now. Raises one of AWS_ERRORS."""
    pages = call(lambda: list(
        client.get_paginator("describe_security_group_rules").paginate(
            Filters=[{"Name": "group-id", "Values": [group_id]}], PaginationConfig={"PageSize": 1000}
        )
    ))
    return from_security_group_rules(rule for page in pages for rule in page["SecurityGroupRules"])


def steps_of(group_id: str, plan: Plan, *, confirm: bool = False) -> list[Step]:
    """The plan as steps, in their order.

    Missing rules are opened, extra rules are closed, and wide rules are narrowed: the replacement is opened before the
    wide rule is closed. If the group is full, rules are closed first, and then as many as fit are opened.

    `confirm`: the missing rules come from an event or from history, so the event must be confirmed before they are
    opened.
    """
    steps = [
        *_opening(group_id, plan.authorise, try_later=_FULL if plan.revoke else frozenset(), confirm=confirm),
        *_closing(group_id, plan.revoke),
    ]
    for narrowing in plan.narrow:
        chain = f"narrow {narrowing.wide.rule_id or narrowing.wide}"
        # The wide rule may have been narrowed by someone else since it was read.
        steps += _opening(group_id, narrowing.added, try_later=_FULL, chain=chain, overwrites=True)
        steps += _closing(group_id, [narrowing.wide], chain=chain)
    return steps


def apply(
    client: Any, group_id: str, plan: Plan, replan: Callable[[Sequence[Rule]], Plan], notes: Sequence[str] = (),
    *, from_history: bool = False, confirm: Callable[[], None] | None = None,
) -> FixResult:
    """Carry out `plan` on the group. `replan` returns what is left to do, from the rules as they are read again.

    `from_history`: the baseline is an event or a recorded state, so `confirm` is called before a rule is opened.

    Raises Refusal for a refused plan.
    """
    if plan.refused:
        raise Refusal(plan.refused)
    steps = steps_of(group_id, plan, confirm=from_history)
    if not steps and plan.undecided:
        return FixResult(Outcome.FAILED, "; ".join(f"unknown: {line}" for line in plan.undecided), notes=notes)
    if not steps:
        return FixResult(Outcome.ALREADY_OK, notes=[*plan.notes, *notes])

    def left() -> Left:
        try:
            now = replan(read_rules(client, group_id))
        except RuleError as error:
            raise CannotRead(str(error)) from error
        if now.refused:
            return [f"refused: {now.refused}"]
        return [*steps_of(group_id, now, confirm=from_history), *(f"unknown: {line}" for line in now.undecided)]

    untagged: set[Rule] = set()
    return carry_out(
        steps, _make(client, untagged), left, notes=[*plan.notes, *notes], rounds=_ROUNDS, confirm=confirm,
        summarise=lambda made: _summary(group_id, made, untagged))


def _opening(
    group_id: str, rules: Sequence[Rule], *, try_later: frozenset[str] = frozenset(), chain: str = "",
    confirm: bool = False, overwrites: bool = False,
) -> list[Step]:
    if not rules:
        return []
    # EC2 sets the same tags on all rules of one call.
    if len({rule.tags for rule in rules}) > 1:
        return [
            step for tags in dict.fromkeys(rule.tags for rule in rules)
            for step in _opening(
                group_id, [rule for rule in rules if rule.tags == tags], try_later=try_later, chain=chain,
                confirm=confirm, overwrites=overwrites)]
    leaves = [
        RuleStep(
            f"authorise {rule}", Call("ec2", "authorize_security_group_ingress", _authorisation(group_id, [rule])),
            inverse(group_id, [], [rule]), no_harm=_THERE, try_later=try_later, chain=chain, confirm=confirm,
            overwrites=overwrites, rule=rule, opens=True)
        for rule in rules
    ]
    return _together(leaves, f"authorise {len(rules)} rules", "authorize_security_group_ingress",
                     _authorisation(group_id, rules), _THERE | _FULL | _NO_SOURCE, chain, confirm=confirm,
                     overwrites=overwrites)


def _closing(group_id: str, rules: Sequence[Rule], *, chain: str = "") -> list[Step]:
    def parameters(some: Sequence[Rule]) -> dict[str, Any]:
        return {"GroupId": group_id, "SecurityGroupRuleIds": [rule.rule_id for rule in some]}

    leaves = [
        RuleStep(f"revoke {rule}", Call("ec2", "revoke_security_group_ingress", parameters([rule])),
                 inverse(group_id, [rule], []), no_harm=_GONE, chain=chain, overwrites=True, rule=rule)
        for rule in rules
    ]
    return _together(
        leaves, f"revoke {len(rules)} rules", "revoke_security_group_ingress", parameters(rules), _GONE, chain,
        # By its id, a rule is revoked even if someone has modified it since it was read.
        overwrites=True)


def _together(
    leaves: Sequence[RuleStep], does: str, operation: str, parameters: Mapping[str, Any], split_on: frozenset[str],
    chain: str, *, confirm: bool = False, overwrites: bool = False,
) -> list[Step]:
    """One call for all the rules. It is split if a rule exists already, is gone, or has no source any more."""
    if len(leaves) < 2:
        return list(leaves)
    return [Step(
        does, Call("ec2", operation, parameters), parts=leaves, split_on=split_on, chain=chain, confirm=confirm,
        overwrites=overwrites)]


def _summary(group_id: str, made: Sequence[tuple[Step, Mapping[str, Any]]], untagged: Collection[Rule]) -> FixResult:
    leaves = [leaf for step, _ in made for leaf in step.leaves if isinstance(leaf, RuleStep) and leaf.rule]
    removed = [leaf.rule for leaf in leaves if leaf.rule and not leaf.opens]
    added = [replace(leaf.rule, tags=()) if leaf.rule in untagged else leaf.rule
             for leaf in leaves if leaf.rule and leaf.opens]
    unsure = [leaf.rule for leaf in leaves if leaf.rule and leaf.unsure]
    return FixResult(
        Outcome.REVERTED, removed=[rule.to_dict() for rule in removed], added=[rule.to_dict() for rule in added],
        inverse=inverse(group_id, removed, added, unsure),
        notes=[f"{rule} was added without its tags: the role may not call ec2:CreateTags" for rule in added
               if rule in untagged])


def inverse(group_id: str, removed: Sequence[Rule], added: Sequence[Rule], unsure: Sequence[Rule] = ()) -> list[Call]:
    """The calls that restore the removed rules and close the added ones, in the order to make them.

    Args:
        unsure: those of which it is not known whether they were removed or added. Each has a call of its own: EC2
            refuses a whole call when one of its rules is there already, or is not there.
    """
    if unsure:
        certain = inverse(
            group_id, [rule for rule in removed if rule not in unsure], [rule for rule in added if rule not in unsure])
        return certain + [
            each for rule in dict.fromkeys(unsure)
            for each in inverse(group_id, [rule] if rule in removed else [], [rule] if rule in added else [])]
    found: list[Call] = []
    # A rule that was added and removed in several rounds counts once.
    back = [rule for rule in dict.fromkeys(removed) if rule not in added]
    gone = [rule for rule in dict.fromkeys(added) if rule not in removed]
    # EC2 sets the same tags on all rules of one call, so rules are grouped by their tags.
    for tags in dict.fromkeys(rule.tags for rule in back):
        rules = [rule for rule in back if rule.tags == tags]
        found.append(Call("ec2", "authorize_security_group_ingress", _authorisation(group_id, rules)))
    if gone:
        found.append(Call("ec2", "revoke_security_group_ingress", _permissions(group_id, gone)))
    return found


def _permissions(group_id: str, rules: Sequence[Rule]) -> dict[str, Any]:
    return {"GroupId": group_id, "IpPermissions": [rule.to_permission() for rule in rules]}


def _authorisation(group_id: str, rules: Sequence[Rule]) -> dict[str, Any]:
    """The parameters that open rules with the same tags."""
    tags = [{"Key": key, "Value": value} for key, value in rules[0].tags]
    return _permissions(group_id, rules) | (
        {_TAGS: [{"ResourceType": "security-group-rule", "Tags": tags}]} if tags else {})


def _make(client: Any, untagged: set[Rule]) -> Make:
    """Makes a step. Without the permission to tag, rules are opened without tags, and added to `untagged`.

    A rule that cannot get its tags must not prevent a port from being closed.
    """
    make = calls(lambda service: client)

    def made(step: Step) -> Mapping[str, Any] | None:
        try:
            return make(step)
        except ClientError as error:
            if code_of(error) != "UnauthorizedOperation" or _TAGS not in step.call.parameters:
                raise
        parameters = {name: value for name, value in step.call.parameters.items() if name != _TAGS}
        answer = make(replace(step, call=replace(step.call, parameters=parameters)))
        untagged.update(leaf.rule for leaf in step.leaves if isinstance(leaf, RuleStep) and leaf.rule)
        return answer

    return made
