"""IAM: SimulatePrincipalPolicy, which moto lacks, for users, groups and roles, from the policies that moto holds.

Inline and attached policies count, those of a user's groups too, and a boundary. Without context values a statement
with a condition does not apply, and its keys are named as missing; context values, resource policies and service
control policies are not looked at. An answer comes in one page.

Source: IAM's SimulatePrincipalPolicy, EvaluationResult; the user guide's "Policy evaluation logic".
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.responses import IamResponse

Statement = Mapping[str, Any]


def apply() -> None:
    """Add the API. Once in a process."""
    setattr(IamResponse, "simulate_principal_policy", simulate_principal_policy)  # noqa: B010 - typed as not assignable


def simulate_principal_policy(request: Any) -> ActionResult:
    """Decide on each action and resource."""
    backend = request.backend
    entity = _entity(backend, request._get_param("PolicySourceArn"))
    held = [*_statements(_documents(entity)), *(
        statement for group in _groups(backend, entity) for statement in _statements(_documents(group)))]
    held += list(_statements(request._get_param("PolicyInputList") or ()))
    arn = getattr(entity, "permissions_boundary_arn", None)
    limit = backend.managed_policies.get(arn)
    boundary = None if limit is None else list(_statements([_document(limit)]))
    return ActionResult({
        "IsTruncated": False,
        "EvaluationResults": [
            _result(held, boundary, action, resource)
            for action in request._get_param("ActionNames") or ()
            for resource in request._get_param("ResourceArns") or ["*"]],
    })


def _result(
    held: Iterable[Statement], boundary: list[Statement] | None, action: str, resource: str
) -> dict[str, Any]:
    decision, missing = decide(held, action, resource)
    result: dict[str, Any] = {
        "EvalActionName": action, "EvalResourceName": resource, "MatchedStatements": [],
        "MissingContextValues": sorted(missing),
    }
    if boundary is not None:
        within, _ = decide(boundary, action, resource)
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": within == "allowed"}
        if within == "explicitDeny" or (within != "allowed" and decision == "allowed"):
            decision = within
    return {**result, "EvalDecision": decision}


def decide(statements: Iterable[Statement], action: str, resource: str) -> tuple[str, set[str]]:
    """allowed, implicitDeny or explicitDeny, and the condition keys that would have had to be known."""
    effects, missing = set(), set()
    for statement in statements:
        if not (_covers(statement, "Action", action.lower()) and _covers(statement, "Resource", resource)):
            continue
        if condition := statement.get("Condition"):
            missing |= {key for keys in condition.values() for key in keys}
            continue
        effects.add(statement["Effect"])
    if "Deny" in effects:
        return "explicitDeny", missing
    return ("allowed" if "Allow" in effects else "implicitDeny"), missing


def _covers(statement: Statement, element: str, value: str) -> bool:
    given = statement.get(element, statement.get(f"Not{element}", ()))
    patterns = [given] if isinstance(given, str) else given
    lower = element == "Action"
    matches = any(fnmatchcase(value, pattern.lower() if lower else pattern) for pattern in patterns)
    return matches if element in statement else not matches


def _entity(backend: Any, arn: str) -> Any:
    for entity in (*backend.roles.values(), *backend.users.values(), *backend.groups.values()):
        if entity.arn == arn:
            return entity
    raise NotFoundException(f"Entity {arn} does not exist.")


def _groups(backend: Any, entity: Any) -> Iterator[Any]:
    for group in backend.groups.values():
        if entity in group.users:
            yield group


def _documents(entity: Any) -> Iterator[str]:
    for inline in entity.policies.values():
        yield inline if isinstance(inline, str) else json.dumps(inline)
    for attached in entity.managed_policies.values():
        yield _document(attached)


def _document(managed: Any) -> str:
    return next(str(version.document) for version in managed.versions if version.is_default)


def _statements(documents: Iterable[str]) -> Iterator[Statement]:
    for document in documents:
        given = json.loads(document)["Statement"]
        yield from [given] if isinstance(given, dict) else given
