"""Whether a function's resource policy lets an AWS service invoke it."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from .facts import Read, Unread
from .verdict import HealthVerdict, as_list, broken, ok, unknown

_INVOKE = "lambda:InvokeFunction"


def invocable(
    statements: Read[Sequence[Mapping[str, Any]]], service: str, *, account: str, source: str = "", remedy: str
) -> HealthVerdict:
    """Whether the statements of the function's resource policy let `service` invoke it.

    Args:
        account: the account in which the service acts.
        source: the ARN that invokes the function, such as its event rule; empty when any source of the account will do.
        remedy: how to fix it.
    """
    if isinstance(statements, Unread):
        return unknown("permission", statements.reason)
    if any(_allows(statement, service, source, account) for statement in statements):
        return ok("permission")
    return broken("permission", f"the function does not allow {service} to invoke it", remedy)


def _allows(statement: Mapping[str, Any], service: str, source: str, account: str) -> bool:
    principal = statement.get("Principal")
    services = as_list(principal.get("Service")) if isinstance(principal, Mapping) else as_list(principal)
    actions = as_list(statement.get("Action"))
    if statement.get("Effect") != "Allow" or not ({service, "*"} & set(services)):
        return False
    if not any(fnmatchcase(_INVOKE.lower(), str(action).lower()) for action in actions):
        return False
    conditions = {
        str(key).lower(): as_list(values)
        for block in (statement.get("Condition") or {}).values() for key, values in block.items()
    }
    accounts, sources = conditions.get("aws:sourceaccount"), conditions.get("aws:sourcearn")
    if accounts is not None and account not in accounts:
        return False
    return not source or sources is None or any(fnmatchcase(source, str(pattern)) for pattern in sources)
