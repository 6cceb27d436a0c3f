"""Whether a function's role exists and allows the calls of its policy."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from .expectations import ExpectedFunction
from .facts import RoleFacts, Unread
from .verdict import HealthVerdict, as_list, broken, ok, some, unknown


def role_there(facts: RoleFacts) -> HealthVerdict:
    """Whether the function's role exists and Lambda may assume it."""
    if isinstance(facts.role, Unread):
        return unknown("role", facts.role.reason)
    if facts.role is None:
        return broken("role", "its role does not exist: every run fails", "create the role")
    services = trusted_services(facts.role)
    if "lambda.amazonaws.com" not in services and "*" not in services:
        return broken("role", "its role does not trust lambda.amazonaws.com: every run fails",
                      "add it to the role's trust policy")
    return ok("role")


def trusted_services(role: Mapping[str, Any]) -> list[str]:
    """The services that may assume the role, as GetRole returns it; `*` for everybody."""
    trust = role.get("AssumeRolePolicyDocument") or {}
    statements = trust.get("Statement") or [] if isinstance(trust, Mapping) else []
    return [
        name for statement in as_list(statements) if statement.get("Effect") == "Allow"
        for name in as_list((statement.get("Principal") or {}).get("Service") if isinstance(
            statement.get("Principal"), Mapping) else statement.get("Principal"))
    ]


def permissions(wanted: ExpectedFunction, facts: RoleFacts) -> HealthVerdict:
    """Whether the role allows every call of the policy.

    An action that is allowed on some resources counts as allowed: which resources it needs is not known in advance.
    """
    if facts.role is None:
        return unknown("permissions", "its role does not exist", "create the role")
    if isinstance(facts.role, Unread):
        return unknown("permissions", facts.role.reason)
    missing, open_ = [], []
    for action in wanted.permissions:
        decision = "" if isinstance(facts.decisions, Unread) else facts.decisions.get(action, "")
        if decision == "allowed":
            continue
        granted = None if isinstance(facts.granted, Unread) else is_granted(action, facts.granted)
        if decision == "explicitDeny" or granted is False:
            missing.append(action)
        elif decision != "implicitDeny" or granted is None:
            open_.append(action)
    if missing:
        return broken("permissions", f"its role does not allow {some(missing)}", "add it to the role's policy")
    if open_:
        why = [each.reason for each in (facts.decisions, facts.granted) if isinstance(each, Unread)]
        return unknown("permissions", f"whether its role allows {some(open_)}: {'; '.join(why) or 'IAM did not say'}",
                       "allow the current credentials iam:SimulatePrincipalPolicy and to read the role's policies")
    return ok("permissions")


def is_granted(action: str, granted: Sequence[str]) -> bool:
    """Whether one of the actions, which may have wildcards, is the action."""
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in granted)
