"""Whether a resource policy limits all its callers to the allowed sources.

A policy limits callers in one of two ways, and both count:

* The Allow names the sources: `StringEquals aws:SourceVpce`, `IpAddress aws:SourceIp`.
* The Allow admits everyone, and a Deny for everyone rejects callers from elsewhere: `StringNotEquals aws:SourceVpce`,
  `NotIpAddress aws:SourceIp`. AWS documents this form first. A Deny counts if it applies to every caller, reaches every
  action and resource that the Allow reaches, and has no other condition, because any other condition would exempt some
  callers from it. Several keys in one Deny are alternatives: it rejects a caller that fails all of them, so all of them
  are limits.

An operator that is also true when the key is missing (`...IfExists`, `ForAllValues:`) is not a limit in an Allow. An
operator that is false then (`ForAnyValue:` on a negation) is not a limit in a Deny. Other keys (aws:VpceAccount,
aws:PrincipalOrgID) are ignored: an API that only they protect is reported.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Protocol

from .document import Condition, Statement


class Limit(Protocol):
    """Where callers may come from."""

    keys: ClassVar[frozenset[str]]
    """The condition keys for the source of a call, in lower case."""
    equals: ClassVar[frozenset[str]]
    """Operators that are true for the given values, in lower case."""
    differs: ClassVar[frozenset[str]]
    """Their negations."""

    def outside(self, condition: Condition) -> list[str]:
        """The values of a condition on one of `keys` that are not allowed sources."""
        ...

    def why(self, strange: Sequence[str]) -> str:
        """What is wrong with such values, in words."""
        ...


def open_statements(statements: Sequence[Statement], limit: Limit) -> list[str]:
    """Why callers beyond the limit are admitted: one line for each Allow that admits them; empty if none does."""
    denials = [statement for statement in statements if not statement.allows and _turns_away(statement, limit)]
    strict = [denial for denial in denials if not _outside(denial.conditions, limit)]
    return [
        f"{statement.name}: {_why(statement, denials, limit)}" for statement in statements
        if statement.allows and not _limited(statement, limit)
        and not any(denial.covers(statement) for denial in strict)
    ]


def values(statements: Iterable[Statement], limit: Limit) -> set[tuple[str, str]]:
    """Key and value of every source that the statements name, in any condition."""
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
    """Whether a Deny rejects everyone except callers from the sources that it names; without a condition, everyone."""
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
    return f"no condition limits it by {' or '.join(sorted(limit.keys))}"
