"""Rules that a fix must not restore, even if an event or a recorded state contains them. Pure: no AWS, no c7n.

A restore opens ports because they were open before. But it never opens an admin port to the world, or anything that
the policy lists in `never-restore`. Other policies forbid such rules, and `heal` may have removed one; a restore must
not undo that.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...ports import ADMIN
from .baseline import Baseline
from .plan import Plan
from .rules import Rule

NEVER = tuple(f"{service.protocol} {service.ports} from world" for service in ADMIN)
"""The default of `never-restore`: admin ports that are open to the world."""


def bounded(plan: Plan, rules: Iterable[Rule], forbidden: Baseline) -> Plan:
    """The plan without the rules that must not be restored. The plan's notes name each of them.

    Args:
        plan: a plan that restores.
        rules: the rules of the group before the plan.
        forbidden: the baseline that restored rules must not violate. Rules that cannot be evaluated are not restored.
    """
    refused = _refused(plan.authorise, list(rules), forbidden)
    if not refused:
        return plan
    return replace(
        plan, authorise=tuple(rule for rule in plan.authorise if rule not in refused),
        notes=(*plan.notes, *(f"{rule} is not restored: it would open what the policy forbids" for rule in refused)))


def without_restores(plan: Plan, reason: str) -> Plan:
    """The plan without its restored rules, which its notes name with the reason. Unchanged if the reason is empty."""
    if not reason:
        return plan
    return replace(
        plan, authorise=(), notes=(*plan.notes, *(f"{rule} is not restored: {reason}" for rule in plan.authorise)))


def _refused(restored: Sequence[Rule], rules: list[Rule], forbidden: Baseline) -> list[Rule]:
    """The rules in `restored` that, together with the rules of the group, open something forbidden."""
    offending = set(forbidden.offending([*rules, *restored])) - set(forbidden.offending(rules))
    # A rule whose source cannot be evaluated is not restored.
    return [rule for rule in restored if rule in offending or forbidden.undecided([rule])]
