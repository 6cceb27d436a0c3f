"""Reads a group's ingress rules, and carries out a plan for them rule by rule.

Source: EC2's AuthorizeSecurityGroupIngress, RevokeSecurityGroupIngress, ModifySecurityGroupRules and
DescribeSecurityGroupRules. Each EC2 rule has an id and one source, so a revocation by id cannot affect another source
on the same port.
"""
from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from ...addresses import spaces_of
from ...aws import call, code_of
from ...errors import CannotRead, Refusal
from ...fixing import Call, FixResult, Left, Make, Outcome, Step, calls, carry_out
from .plan import Narrowing, Plan
from .rules import GROUP, PREFIX_LIST, Rule, RuleError, from_policy, from_security_group_rules

_GONE = frozenset({"InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound"})
_THERE = frozenset({"InvalidPermission.Duplicate"})
_FULL = frozenset({"RulesPerSecurityGroupLimitExceeded"})
_NO_SOURCE = frozenset({"InvalidGroup.NotFound", "InvalidPrefixListId.NotFound", "InvalidPrefixListID.NotFound"})
"""The source was deleted after the rule was recorded. Other rules of the same call can still be opened."""
_NOT_IN_PLACE = frozenset({"UnauthorizedOperation"}) | _THERE
"""After these errors of ModifySecurityGroupRules, nothing has changed, and the rule is narrowed by two other calls."""

_NOT_IN_A_POLICY = ("SecurityGroupRuleId", "Tags")

_TAGS = "TagSpecifications"
_ROUNDS = 3
"""How often a group is fixed if someone opens it again while it is being closed."""


@dataclass(frozen=True)
class RuleStep(Step):
    """A step that opens or closes one rule, or narrows one in place.

    Attributes:
        rule: the rule that is opened or closed, or that the narrowed rule becomes.
        opens: whether `rule` is opened.
        narrows: the rule before it is narrowed in place; its id stays the same.
    """

    rule: Rule | None = None
    opens: bool = False
    narrows: Rule | None = None

    @property
    def leaves(self) -> Sequence[Step]:
        """The step itself. The parts of a narrowing in place are another way to do it, not what it consists of."""
        return [self]


def read_rules(client: Any, group_id: str) -> list[Rule]:
    """The ingress rules of a group as EC2 has them now. Raises one of AWS_ERRORS."""
    pages = call(lambda: list(
        client.get_paginator("describe_security_group_rules").paginate(
            Filters=[{"Name": "group-id", "Values": [group_id]}], PaginationConfig={"PageSize": 1000}
        )
    ))
    return from_security_group_rules(rule for page in pages for rule in page["SecurityGroupRules"])


def steps_of(group_id: str, plan: Plan, *, confirm: bool = False, keep_when_full: bool = False) -> list[Step]:
    """The plan as steps, in their order.

    Missing rules are opened, extra rules are closed, and wide rules are narrowed (`_narrowing`). If the group is full,
    rules are closed first, and then as many as fit are opened.

    Args:
        confirm: the missing rules come from an event or from history, so the event must be confirmed before they are
            opened.
        keep_when_full: a wide rule that no address of the internet can use stays, if the group is full.
    """
    steps = [
        *_opening(group_id, plan.authorise, try_later=_FULL if plan.revoke else frozenset(), confirm=confirm),
        *_closing(group_id, plan.revoke),
    ]
    for narrowing in plan.narrow:
        steps += _narrowing(group_id, narrowing, keep=keep_when_full and not from_internet(narrowing.wide))
    return steps


def _narrowing(group_id: str, narrowing: Narrowing, *, keep: bool) -> list[Step]:
    """The steps that narrow a wide rule. At no time is the group wider than before.

    The rule itself becomes the first of the rules that replace it, in one call that needs no room in the group and
    keeps the rule's id and tags. The other ones are opened before, so nothing is interrupted. In a full group those
    that do not fit before are opened after, and those that do not fit then stay closed.

    `keep`: if not all of them fit before, none is opened and the rule is not changed.
    """
    # Each step is planned again before its call, because someone else may have narrowed the rule since it was read.
    wide, chain = narrowing.wide, f"narrow {narrowing.wide.rule_id or narrowing.wide}"
    later = frozenset() if keep else _FULL
    # A source group may belong to another account, which a modification cannot name.
    in_place = narrowing.added[:1] if wide.rule_id and wide.peer_kind != GROUP else ()
    steps = _opening(
        group_id, narrowing.added[len(in_place):], try_later=later, chain=chain, overwrites=True, whole_if_full=keep)
    if not in_place:
        return steps + _closing(group_id, [wide], chain=chain)
    kept = replace(in_place[0], rule_id=wide.rule_id)
    parts = [
        *_opening(group_id, in_place, try_later=later, chain=chain, overwrites=True),
        *_closing(group_id, [wide], chain=chain)]
    return [*steps, RuleStep(
        f"change {wide} to {kept}", _modification(group_id, kept), _modification(group_id, wide), parts=parts,
        split_on=_NOT_IN_PLACE, chain=chain, overwrites=True, rule=kept, opens=True, narrows=wide)]


def from_internet(rule: Rule) -> bool:
    """Whether hosts on the internet may use the rule. Prefix lists count, because anyone with access may change one."""
    if (source := rule.block) is None:
        return rule.peer_kind == PREFIX_LIST
    return any(space.measure(source.first, source.last) for space in spaces_of(source.version))


def apply(
    client: Any, group_id: str, plan: Plan, replan: Callable[[Sequence[Rule]], Plan], notes: Sequence[str] = (),
    *, from_history: bool = False, confirm: Callable[[], None] | None = None, keep_when_full: bool = False,
) -> FixResult:
    """Carry out `plan` on the group. `replan` returns what is left to do, from the rules as they are read again.

    Args:
        from_history: the baseline is an event or a recorded state, so `confirm` is called before a rule is opened.
        keep_when_full: as in `steps_of`.

    Raises Refusal for a refused plan.
    """
    if plan.refused:
        raise Refusal(plan.refused)
    steps = steps_of(group_id, plan, confirm=from_history, keep_when_full=keep_when_full)
    if not steps and plan.undecided:
        return FixResult(Outcome.FAILED, "; ".join(f"unknown: {line}" for line in plan.undecided), notes=notes)
    if not steps:
        return FixResult(Outcome.ALREADY_OK, notes=[*plan.notes, *notes])

    there: list[Rule] = []

    def left() -> Left:
        try:
            there[:] = read_rules(client, group_id)
            now = replan(there)
        except RuleError as error:
            raise CannotRead(str(error)) from error
        if now.refused:
            return [f"refused: {now.refused}"]
        again = steps_of(group_id, now, confirm=from_history, keep_when_full=keep_when_full)
        return [*again, *(f"unknown: {line}" for line in now.undecided)]

    untagged: set[Rule] = set()
    result = carry_out(
        steps, _make(client, untagged), left, notes=[*plan.notes, *notes], rounds=_ROUNDS, confirm=confirm,
        reads_ahead=True, summarise=lambda made: _summary(group_id, made, untagged))
    return replace(result, notes=[*result.notes, *_given_up(plan, there)])


def _given_up(plan: Plan, there: Sequence[Rule]) -> list[str]:
    """Notes on what narrowed rules allowed and no rule of the group allows any more, because the group is full.

    `there`: the rules of the group, read after the fix; empty if it could not be read.
    """
    now = set(there)
    return [
        f"closed too, because the group has no room for another rule: {piece}, a part of {narrowing.wide}"
        for narrowing in plan.narrow if now and narrowing.wide not in now
        for piece in narrowing.added if piece not in now
    ]


def _opening(
    group_id: str, rules: Sequence[Rule], *, try_later: frozenset[str] = frozenset(), chain: str = "",
    confirm: bool = False, overwrites: bool = False, whole_if_full: bool = False,
) -> list[Step]:
    """`whole_if_full`: if the group has no room for all the rules, none is opened."""
    if not rules:
        return []
    # EC2 sets the same tags on all rules of one call.
    if len({rule.tags for rule in rules}) > 1:
        return [
            step for tags in dict.fromkeys(rule.tags for rule in rules)
            for step in _opening(
                group_id, [rule for rule in rules if rule.tags == tags], try_later=try_later, chain=chain,
                confirm=confirm, overwrites=overwrites, whole_if_full=whole_if_full)]
    split_on = _THERE | _NO_SOURCE | (frozenset() if whole_if_full else _FULL)
    leaves = [
        RuleStep(
            f"authorise {rule}", Call("ec2", "authorize_security_group_ingress", _authorisation(group_id, [rule])),
            inverse(group_id, [], [rule]), no_harm=_THERE, try_later=try_later, chain=chain, confirm=confirm,
            overwrites=overwrites, rule=rule, opens=True)
        for rule in rules
    ]
    return _together(leaves, f"authorise {len(rules)} rules", "authorize_security_group_ingress",
                     _authorisation(group_id, rules), split_on, chain, confirm=confirm, overwrites=overwrites)


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
             for leaf in leaves if leaf.rule and leaf.opens and not leaf.narrows]
    unsure = [leaf.rule for leaf in leaves if leaf.rule and leaf.unsure and not leaf.narrows]
    # A rule may be narrowed in several rounds. The receipt has its first content, and the last.
    narrowed = {leaf.rule.rule_id: leaf.rule for leaf in leaves if leaf.rule and leaf.narrows}
    wide = {leaf.narrows.rule_id: leaf.narrows for leaf in reversed(leaves) if leaf.narrows}
    closed = {rule.rule_id for rule in removed}
    removed = [wide.pop(rule.rule_id, rule) for rule in removed]
    back = [_modification(group_id, rule) for rule in wide.values()]
    added_now = [rule for rule_id, rule in narrowed.items() if rule_id not in closed]
    return FixResult(
        Outcome.REVERTED, removed=[rule.to_dict() for rule in (*wide.values(), *removed)],
        added=[rule.to_dict() for rule in (*added_now, *added)],
        inverse=[*back, *inverse(group_id, removed, added, unsure)],
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


def _modification(group_id: str, rule: Rule) -> Call:
    """The call that gives the rule with the id of `rule` the content of `rule`."""
    return Call("ec2", "modify_security_group_rules", {
        "GroupId": group_id,
        "SecurityGroupRules": [{"SecurityGroupRuleId": rule.rule_id, "SecurityGroupRule": rule.to_request()}]})


def is_modification(value: Any, _: Mapping[str, Any]) -> bool:
    """Whether the value is the parameter of ModifySecurityGroupRules for one rule."""
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping) \
        and value[0].keys() == {"SecurityGroupRuleId", "SecurityGroupRule"}


def narrow_again(parameters: Mapping[str, Any], receipt: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The call that narrows a rule again after a rollback has widened it. The receipt has its content in `added`."""
    [change] = parameters["SecurityGroupRules"]
    for record in receipt.get("added") or ():
        if record.get("SecurityGroupRuleId") == change["SecurityGroupRuleId"]:
            [kept] = from_policy({key: value for key, value in record.items() if key not in _NOT_IN_A_POLICY})
            again = _modification(str(parameters["GroupId"]), replace(kept, rule_id=change["SecurityGroupRuleId"]))
            return again.operation, dict(again.parameters)
    # The fix was interrupted, so its receipt does not have the content: the rule stays as it is.
    return "modify_security_group_rules", dict(parameters)


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
