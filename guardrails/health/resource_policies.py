"""Who may put events on the hub's bus and publish to the compliance topic, from their resource policies.

Pure functions on policy documents. Only the conditions that this module knows limit a statement. With anything else
(other operators, `IfExists`, `NotPrincipal`, `NotAction`) the statement counts as too wide.

Source: IAM's user guide, "IAM JSON policy elements"; EventBridge's guide, "Using IAM policy conditions"; the templates
in guardrails/stacks.
"""
from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from custom_actions.functions import PROBE_SOURCE
from custom_actions.names import FORWARD_ROLE, FUNCTION_PREFIX

from .verdict import as_list

Statement = Mapping[str, Any]
_ACCOUNT = re.compile(r"(?:arn:[\w-]+:iam::)?(\d{12})(?::root)?")
_ROLE = re.compile(r"arn:(?:[\w-]+|\*):iam::(?:\d{12}|\*):role/(.+)")
_SCOPES = ("aws:principalorgid", "aws:principalaccount", "aws:sourceowner", "aws:sourceaccount")
"""Condition keys that say from which accounts a principal may be."""


def statements_in(policy: Any) -> list[Statement]:
    """The statements of a policy document, given as JSON or as a mapping."""
    found = json.loads(policy or "{}") if isinstance(policy, str | type(None)) else policy
    return [each for each in as_list(found.get("Statement")) if isinstance(each, Mapping)]


def conditions_of(statement: Statement) -> dict[tuple[str, str], list[str]]:
    """The values by operator and key, both in lower case."""
    return {
        (str(operator).lower(), str(key).lower()): [str(value) for value in as_list(values)]
        for operator, block in (statement.get("Condition") or {}).items() for key, values in block.items()
    }


def covers(statement: Statement, action: str) -> bool:
    """Whether the statement is about the action; `NotAction` counts as about every action."""
    if "NotAction" in statement:
        return True
    actions = as_list(statement.get("Action"))
    return any(fnmatchcase(action.lower(), str(each).lower()) for each in actions)


def principals_of(statement: Statement) -> list[tuple[str, str]]:
    """The principals as (kind, name): ("AWS", "*") for everybody."""
    given = statement.get("Principal", "*")
    if not isinstance(given, Mapping):
        return [("AWS", str(given))]
    return [(str(kind), str(name)) for kind, names in given.items() for name in as_list(names)]


def account_of(principal: str) -> str:
    """The account of a principal that is a whole account, an id or `arn:…:root`; empty for any other."""
    match = _ACCOUNT.fullmatch(principal)
    return match[1] if match else ""


# -- the hub's bus ------------------------------------------------------------------------------------------------


def bus_admits(policy: Any, account: str) -> bool:
    """Whether the policy lets the account forward events. It is assumed to be in every organization."""
    return any(
        account_of(name) == account or (name == "*" and account in conditions_of(statement).get(
            ("stringequals", "aws:principalaccount"), [account]))
        for statement in statements_in(policy)
        if statement.get("Effect") == "Allow" and covers(statement, "events:PutEvents")
        for _, name in principals_of(statement))


def bus_admits_organization(policy: Any) -> bool:
    """Whether the policy admits accounts by their organization."""
    return any(("stringequals", "aws:principalorgid") in conditions_of(each) for each in statements_in(policy))


def wide_bus(policy: Any, known: Collection[str]) -> list[str]:
    """Why the bus accepts more than events that rules of known accounts forward; empty if it does not.

    Args:
        policy: of the bus.
        known: the ids of the accounts in accounts.yml.
    """
    statements = statements_in(policy)
    found = [f"{statement.get('Sid') or 'a statement'} {why}" for statement in statements
             if statement.get("Effect") == "Allow" for why in _wide_admission(statement, known)]
    if not any(_denies_other_senders(statement) for statement in statements):
        found.append(f"no statement denies events:PutEvents to principals other than the role {FORWARD_ROLE}, so IAM "
                     "policies of the hub's account can allow it")
    return found


def _wide_admission(statement: Statement, known: Collection[str]) -> Iterator[str]:
    actions = [str(each) for each in as_list(statement.get("Action"))]
    if "NotAction" in statement or [each for each in actions if each.lower() != "events:putevents"]:
        yield "allows more than events:PutEvents"
    if "NotPrincipal" in statement:
        yield "admits everybody except some principals"
        return
    held = conditions_of(statement)
    accounts = held.get(("stringequals", "aws:principalaccount"))
    for _, name in principals_of(statement):
        if name == "*" and accounts is None and ("stringequals", "aws:principalorgid") not in held:
            yield "admits every AWS account"
        elif strangers := sorted({account_of(name) or name} - {"*", *known}):
            yield f"admits {', '.join(strangers)}, which accounts.yml does not list"
    if strangers := sorted(set(accounts or ()) - set(known)):
        yield f"admits {', '.join(strangers)}, which accounts.yml does not list"
    sources = held.get(("stringlike", "events:source")) or held.get(("stringequals", "events:source"))
    if not sources or not all(each.startswith("aws.") or each == PROBE_SOURCE for each in sources):
        yield "accepts events that do not come from AWS (events:source)"
    if held.get(("bool", "events:eventbusinvocation")) != ["true"]:
        yield "accepts direct calls of PutEvents, not only events that rules forward (events:eventBusInvocation)"


def _denies_other_senders(statement: Statement) -> bool:
    excepted = conditions_of(statement)
    roles = excepted.get(("arnnotlike", "aws:principalarn")) or []
    return (
        statement.get("Effect") == "Deny" and covers(statement, "events:PutEvents") and len(excepted) == 1
        and ("AWS", "*") in principals_of(statement) and bool(roles)
        and all(_role_in(each) == FORWARD_ROLE for each in roles))


# -- the compliance topic -----------------------------------------------------------------------------------------


def wide_topic(policy: Any, account: str) -> list[str]:
    """Why others than our functions and AWS Config can publish to the topic; empty if they cannot.

    EventBridge passes no condition keys to SNS, so its statement cannot be limited, and is accepted as it is.
    """
    statements = statements_in(policy)
    ours_only = any(_denies_other_publishers(statement) for statement in statements)
    return [f"{statement.get('Sid') or 'a statement'} {why}" for statement in statements
            if statement.get("Effect") == "Allow" and covers(statement, "sns:Publish")
            for why in _wide_publishing(statement, account, ours_only=ours_only)]


def _wide_publishing(statement: Statement, account: str, *, ours_only: bool) -> Iterator[str]:
    if "NotPrincipal" in statement:
        yield "lets everybody except some principals publish"
        return
    held = conditions_of(statement)
    scoped = any(key in _SCOPES for operator, key in held if operator == "stringequals")
    roles = [each for operator in ("arnlike", "arnequals") for each in held.get((operator, "aws:principalarn"), ())]
    by_role = bool(roles) and _are_ours(roles)
    for kind, name in principals_of(statement):
        if kind == "Service":
            if name != "events.amazonaws.com":
                yield f"lets {name} publish"
        elif not scoped and account_of(name) != account and not _role_of(name, account):
            yield f"lets {'every AWS account' if name == '*' else name} publish"
        elif not (ours_only or by_role or _are_ours([name])):
            yield "lets every principal in the account publish if IAM allows it, not only our functions"


def _denies_other_publishers(statement: Statement) -> bool:
    held = conditions_of(statement)
    roles = held.pop(("arnnotlike", "aws:principalarn"), [])
    services = held.pop(("bool", "aws:principalisawsservice"), ["false"])
    return (
        statement.get("Effect") == "Deny" and covers(statement, "sns:Publish") and not held and bool(roles)
        and services == ["false"] and ("AWS", "*") in principals_of(statement) and _are_ours(roles))


def _are_ours(roles: Sequence[str]) -> bool:
    return all((_role_in(each) or "").startswith(("guardrails", FUNCTION_PREFIX)) for each in roles)


def _role_of(principal: str, account: str) -> bool:
    return bool(_role_in(principal)) and f":iam::{account}:" in principal


def _role_in(arn: str) -> str:
    """The name of the role in an ARN; empty when it is not a role's."""
    match = _ROLE.fullmatch(arn)
    return match[1] if match else ""
