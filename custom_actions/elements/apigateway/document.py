"""A REST API's resource policy in a normal form.

API Gateway returns the policy as a JSON string whose quotes are still escaped (`{\\"Version\\": ...`). The grammar
allows a single entry in place of a list almost everywhere; condition keys, operators and actions in any case; and
resources in a short form (`execute-api:/*`). Here every statement has lists, lower case and full ARNs.

Source: IAM's JSON policy grammar; API Gateway's developer guide, "Control access to a REST API with resource policies".
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...wildcards import matches


class PolicyError(ValueError):
    """The document cannot be read as a policy. The message says why."""


@dataclass(frozen=True)
class Condition:
    """One test of a condition block: its operator and key in lower case, and the values."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """One statement.

    `actions` and `resources` hold the most that an Allow can reach, and the least that a Deny reaches. With NotAction
    or NotResource that is everything for an Allow, and nothing for a Deny.
    """

    name: str
    """Its Sid, or its place in the policy."""
    allows: bool
    everyone: bool
    """Whether it applies to every caller."""
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]

    def covers(self, other: Statement) -> bool:
        """Whether the patterns of this statement certainly match every request that the patterns of `other` match.

        One pattern must cover another completely. Patterns that cover it only together do not count.
        """
        return all(
            any(_wider(mine, theirs) for mine in patterns)
            for patterns, others in ((self.actions, other.actions), (self.resources, other.resources))
            for theirs in others
        )


def read(policy: str, api_arn: str) -> tuple[Statement, ...]:
    """The statements of a policy.

    Args:
        policy: as GetRestApis returns it, or plain JSON.
        api_arn: the API's ARN in policies, `arn:aws:execute-api:REGION:ACCOUNT:API`.

    Raises PolicyError.
    """
    document = _parse(policy)
    listed = _list(document.get("Statement"))
    if not all(isinstance(statement, Mapping) for statement in listed):
        raise PolicyError("each statement must be an object")
    return tuple(_statement(statement, number, api_arn) for number, statement in enumerate(listed, 1))


def _parse(policy: str) -> Mapping[str, Any]:
    for text in (policy, f'"{policy}"'):
        try:
            parsed = json.loads(text)
            if isinstance(parsed, str):
                parsed = json.loads(parsed)
        except (ValueError, RecursionError):
            continue
        if isinstance(parsed, Mapping):
            return parsed
    raise PolicyError("it must be a JSON object")


def _statement(data: Mapping[str, Any], number: int, api_arn: str) -> Statement:
    effect = data.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"the effect of statement {number} must be Allow or Deny, got {effect!r}")
    allows = effect == "Allow"
    everything = ("*",) if allows else ()
    actions = everything if "NotAction" in data else _strings(data.get("Action"))
    resources = everything if "NotResource" in data else _strings(data.get("Resource"))
    return Statement(
        name=str(data.get("Sid") or f"statement {number}"),
        allows=allows,
        everyone=_everyone(data.get("Principal")),
        # An API's policy applies to that API only, so "everything" means everything of this API.
        actions=tuple("execute-api:*" if allows and action == "*" else action.lower() for action in actions),
        resources=tuple(_resource(resource, api_arn, allows=allows) for resource in resources),
        conditions=tuple(_conditions(data.get("Condition"), number)),
    )


def _conditions(block: Any, number: int) -> Iterable[Condition]:
    if block is not None and not isinstance(block, Mapping):
        raise PolicyError(f"the condition of statement {number} must be an object")
    for operator, tests in (block or {}).items():
        if not isinstance(tests, Mapping):
            raise PolicyError(f"{operator} in statement {number} must be an object")
        for key, values in tests.items():
            yield Condition(str(operator).lower(), str(key).lower(), _strings(values))


def _everyone(principal: Any) -> bool:
    if isinstance(principal, Mapping):
        return "*" in _strings(principal.get("AWS"))
    return bool(principal == "*")


def _resource(resource: str, api_arn: str, *, allows: bool) -> str:
    if resource.startswith("execute-api:/"):
        return api_arn + resource.removeprefix("execute-api:")
    # An Allow has no effect beyond its own API.
    return f"{api_arn}/*" if allows and _wider(resource, f"{api_arn}/*") else resource


def _wider(pattern: str, other: str) -> bool:
    """Whether `pattern` matches everything that the pattern `other` matches. May return False although it does."""
    return matches(pattern, other, never="*")


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(str(entry) for entry in _list(value))


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
