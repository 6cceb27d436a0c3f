"""Plans how to remove public statements from the policy of a function. Pure: no AWS, no c7n.

Lambda adds and removes single statements. What AddPermission was given can be read off the statement, so that the same
call restores it.

Source: Lambda's AddPermission, RemovePermission and GetPolicy; the Lambda developer guide, "Using resource-based
policies for Lambda" and "Controlling access to function URLs".
"""
from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ...fixing import Call, FixPlan, Step
from ..native import IRREVERSIBLE
from ..s3 import Statement, conditions, statements, values
from .everyone import SOURCE_ACCOUNT, admitting_any_bucket, admitting_everyone

_PARAMETERS = {
    ("arnlike", "aws:sourcearn"): "SourceArn",
    ("stringlike", "aws:sourcearn"): "SourceArn",
    ("stringequals", SOURCE_ACCOUNT): "SourceAccount",
    ("stringequals", "aws:principalorgid"): "PrincipalOrgID",
    ("stringequals", "lambda:functionurlauthtype"): "FunctionUrlAuthType",
    ("bool", "lambda:invokedviafunctionurl"): "InvokedViaFunctionUrl",
}
"""The parameter of AddPermission for each condition that it writes; the operators and keys in lower case."""
_LONGEST = 100
"""The largest number of characters of a statement's id."""


def parameters_of(statement: Statement) -> dict[str, Any] | None:
    """What AddPermission was given for the statement, without its id; None if it has something else."""
    principal = statement.get("Principal")
    if isinstance(principal, Mapping) and len(principal) == 1:
        [principal] = principal.values()
    named = values(principal)
    actions = values(statement.get("Action"))
    if len(named) != 1 or len(actions) != 1 or "NotPrincipal" in statement or "NotAction" in statement:
        return None
    found: dict[str, Any] = {"Action": actions[0], "Principal": named[0]}
    for operator, key, wanted in conditions(statement):
        name = _PARAMETERS.get((operator, key))
        if name is None or len(wanted) != 1:
            return None
        found[name] = wanted[0] == "true" if name == "InvokedViaFunctionUrl" else wanted[0]
    return found


def plan_function(function: str, document: str | None, share: Fraction, account: str) -> FixPlan:
    """Plan to remove the statements that admit everyone, and to limit those for S3 to the account's own buckets.

    Raises ValueError if the policy is not JSON.
    """
    present = {str(each.get("Sid")) for each in statements(document)}
    public = [statement for _, statement in admitting_everyone(document, share)]
    steps: list[Step] = []
    for _, statement in admitting_any_bucket(document):
        given = None if statement in public else parameters_of(statement)
        limited = f"{statement.get('Sid')}"[:_LONGEST - len("-own-account")] + "-own-account"
        if given and limited not in present:
            steps.append(_addition(function, str(statement["Sid"]), limited, {**given, "SourceAccount": account}))
        if statement not in public:
            public.append(statement)
    return FixPlan([*steps, *(_removal(function, each) for each in public)])


def _addition(function: str, replaced: str, name: str, given: Mapping[str, Any]) -> Step:
    named = {"FunctionName": function, "StatementId": name}
    return Step(
        f"admit the buckets of this account, as {name}", Call("lambda", "add_permission", {**named, **given}),
        Call("lambda", "remove_permission", named), added={"statement": name, **given}, chain=replaced,
        no_harm=frozenset({"ResourceConflictException"}))


def _removal(function: str, statement: Statement) -> Step:
    name, given = str(statement["Sid"]), parameters_of(statement)
    named = {"FunctionName": function, "StatementId": name}
    return Step(
        f"remove the statement {name}", Call("lambda", "remove_permission", named),
        Call("lambda", "add_permission", {**named, **given}) if given else (),
        removed={"statement": dict(statement)}, chain=name, overwrites=True, note="" if given else (
            f"{IRREVERSIBLE}AddPermission cannot write the statement {name} again; `removed` has it"))
