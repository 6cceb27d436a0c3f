"""What a fix must not restore, even if an event or a recorded state contains it. Pure: no AWS, no c7n.

A restore opens ports because they were open before. So it never opens a port that attackers look for to the world, or
anything that the policy lists in `never-restore`. Another policy forbids it, and a `heal` that closed it must not be
undone.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...ports import ADMIN
from .baseline import Baseline
from .plan import Plan
from .rules import Rule

NEVER = tuple(f"{service.protocol} {service.ports} from world" for service in ADMIN)
"""What is never restored unless the policy says otherwise: the admin ports, open to the world."""


def bounded(plan: Plan, rules: Iterable[Rule], forbidden: Baseline) -> Plan:
    """The plan without the rules that would open something forbidden. The plan's notes name each of them.

    Args:
        plan: a plan that restores.
        rules: the group's rules before it.
        forbidden: the baseline of what must not be opened. Rules that cannot be evaluated are not opened either.
    """
    refused = _refused(plan.authorise, list(rules), forbidden)
    if not refused:
        return plan
    return replace(
        plan, authorise=tuple(rule for rule in plan.authorise if rule not in refused),
        notes=(*plan.notes, *(f"{rule} is not restored: it would open what the policy forbids" for rule in refused)))


def without_restores(plan: Plan, reason: str) -> Plan:
    """The plan without the rules that it would open, each named in its notes with the reason; as it is without one."""
    if not reason:
        return plan
    return replace(
        plan, authorise=(), notes=(*plan.notes, *(f"{rule} is not restored: {reason}" for rule in plan.authorise)))


def _refused(restored: Sequence[Rule], rules: list[Rule], forbidden: Baseline) -> list[Rule]:
    """The rules among `restored` that, together with the group's own, open something that is forbidden."""
    offending = set(forbidden.offending([*rules, *restored])) - set(forbidden.offending(rules))
    # A rule whose source is unknown is not opened on a guess.
    return [rule for rule in restored if rule in offending or forbidden.undecided([rule])]
