"""Whether a resource policy limits all its callers to where they may come from.

A policy limits callers in one of two ways, and both count:

* the Allow says from where: `StringEquals aws:SourceVpce`, `IpAddress aws:SourceIp`;
* the Allow lets everybody in, and a Deny for everybody turns away those from elsewhere: `StringNotEquals
  aws:SourceVpce`, `NotIpAddress aws:SourceIp`. This is the form that AWS documents first. A Deny counts when it applies
  to every caller, reaches every action and resource that the Allow reaches, and has no condition beside these: any
  other one would let callers past it. Several keys in one Deny are alternatives (turned away is who fails both), and
  all of them are limits then.

An operator that also holds when the key is not there (`...IfExists`, `ForAllValues:`) is no limit in an Allow, and one
that does not hold then (`ForAnyValue:` on a negation) is none in a Deny. Other keys (aws:VpceAccount,
aws:PrincipalOrgID) are not looked at: an API that they alone protect is reported.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Protocol

from .document import Condition, Statement


class Limit(Protocol):
    """Where callers may come from."""

    keys: ClassVar[frozenset[str]]
    """The condition keys that say where a caller comes from, in lower case."""
    equals: ClassVar[frozenset[str]]
    """Operators that hold for the values given, in lower case."""
    differs: ClassVar[frozenset[str]]
    """Their negations."""

    def outside(self, condition: Condition) -> list[str]:
        """The values of a condition on one of `keys` from which nobody may come."""
        ...

    def why(self, strange: Sequence[str]) -> str:
        """What is wrong with such values, for a reader."""
        ...


def open_statements(statements: Sequence[Statement], limit: Limit) -> list[str]:
    """Why callers beyond the limit get in, one line for each Allow that lets them; empty when none does."""
    denials = [statement for statement in statements if not statement.allows and _turns_away(statement, limit)]
    strict = [denial for denial in denials if not _outside(denial.conditions, limit)]
    return [
        f"{statement.name}: {_why(statement, denials, limit)}" for statement in statements
        if statement.allows and not _limited(statement, limit)
        and not any(denial.covers(statement) for denial in strict)
    ]


def values(statements: Iterable[Statement], limit: Limit) -> set[tuple[str, str]]:
    """Key and value of every place that the statements name, wherever they stand."""
    return {
        (condition.key, value) for statement in statements for condition in statement.conditions
        if condition.key in limit.keys for value in condition.values
    }


def _limited(allow: Statement, limit: Limit) -> bool:
    limits = _limits(allow, limit)
    return bool(limits) and not _outside(limits, limit)


def _limits(allow: Statement, limit: Limit) -> list[Condition]:
    return [
        condition for condition in allow.conditions
        if condition.key in limit.keys and condition.values
        and condition.operator.removeprefix("foranyvalue:") in limit.equals
    ]


def _turns_away(deny: Statement, limit: Limit) -> bool:
    """Whether a Deny turns away everybody but those from the places it names; without a condition, everybody."""
    return deny.everyone and all(
        condition.key in limit.keys and condition.values
        and condition.operator.removesuffix("ifexists") in limit.differs
        for condition in deny.conditions
    )


def _outside(conditions: Iterable[Condition], limit: Limit) -> list[str]:
    return [value for condition in conditions for value in limit.outside(condition)]


def _why(allow: Statement, denials: Iterable[Statement], limit: Limit) -> str:
    named = _limits(allow, limit) + [
        condition for denial in denials if denial.covers(allow) for condition in denial.conditions]
    strange = list(dict.fromkeys(_outside(named, limit)))
    if strange:
        return limit.why(strange)
    return f"nothing limits it by {' or '.join(sorted(limit.keys))}"
