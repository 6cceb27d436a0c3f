"""IAM policy documents: permissions merged, limited to resources and regions, and split to fit AWS's quotas.

A managed policy may have 6,144 characters, and a role ten of them; a role's inline policies may have 10,240 together.
AWS does not count white space.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import GuardrailsError
from .catalogue import ActionCatalogue
from .needs import ACCOUNT, PARTITION, IamCondition, Permission, data_file

MANAGED_CHARACTERS = 6_144
INLINE_CHARACTERS = 10_240
POLICIES_AT_MOST = 10
"""The default quota of managed policies for one role."""
_OWN = IamCondition("StringEquals", "aws:ResourceAccount", ("${aws:PrincipalAccount}",))
# The longest values of the placeholders.
_LONGEST = {PARTITION: "aws-us-gov", ACCOUNT: "000000000000"}

PolicyDocument = dict[str, Any]


@dataclass(frozen=True)
class PermissionGrant:
    """One action, on resources, under conditions."""

    action: str
    resources: tuple[str, ...]
    conditions: tuple[IamCondition, ...] = ()


def grants(
    permissions: Iterable[Permission], regions: Sequence[str] = (), catalogue: ActionCatalogue | None = None
) -> list[PermissionGrant]:
    """The grants that allow every permission, each action limited as far as AWS supports.

    `regions`: regional calls are allowed in these regions only; empty: in all.
    """
    catalogue = catalogue or ActionCatalogue.shipped()
    limits = data_file("limits.yml")
    permissions = list(permissions)
    anywhere = {permission.action for permission in permissions if not permission.regional}
    found: dict[PermissionGrant, None] = {}
    for permission in permissions:
        service = permission.action.partition(":")[0]
        resources = permission.resources or catalogue.resources(permission.action)
        conditions = list(permission.conditions)
        if regions and permission.action not in anywhere and service not in limits["global"]:
            conditions.append(IamCondition("StringEquals", "aws:RequestedRegion", tuple(sorted(regions))))
        if service in limits["own-account"] and not permission.resources and resources != ("*",):
            conditions.append(_OWN)
        found[PermissionGrant(permission.action, resources, tuple(conditions))] = None
    whole = {(grant.action, grant.conditions) for grant in found if grant.resources == ("*",)}
    kept = [grant for grant in found if grant.resources == ("*",) or (grant.action, grant.conditions) not in whole]
    return sorted(kept, key=lambda grant: (grant.resources, str(grant.conditions), grant.action))


def document(allowed: Iterable[PermissionGrant]) -> PolicyDocument:
    """One policy document, with a statement for each set of resources and conditions."""
    by_place: dict[tuple[Any, ...], list[str]] = {}
    for grant in allowed:
        by_place.setdefault((grant.resources, grant.conditions), []).append(grant.action)
    return {"Version": "2012-10-17", "Statement": [
        {
            "Effect": "Allow",
            "Action": sorted(actions),
            "Resource": resources[0] if len(resources) == 1 else list(resources),
            **({"Condition": _condition(conditions)} if conditions else {}),
        }
        for (resources, conditions), actions in by_place.items()
    ]}


def documents(
    allowed: Sequence[PermissionGrant], *, role: str, at_most: int = POLICIES_AT_MOST
) -> list[PolicyDocument]:
    """The documents that together allow `allowed`, each small enough for a managed policy.

    Raises GuardrailsError when the role needs more than `at_most` documents.
    """
    found: list[PolicyDocument] = []
    current: list[PermissionGrant] = []
    for grant in allowed:
        if current and size(document([*current, grant])) > MANAGED_CHARACTERS:
            found.append(document(current))
            current = []
        current.append(grant)
        if size(document(current)) > MANAGED_CHARACTERS:
            raise GuardrailsError(
                f"role {role}: {grant.action} alone exceeds the size of a policy: {len(grant.resources)} resources, "
                f"{sum(len(one.values) for one in grant.conditions)} values in its conditions",
                "list fewer values, or use globs")
    found.append(document(current))
    if len(found) > at_most:
        raise GuardrailsError(
            f"role {role} needs {len(found)} managed policies, but AWS allows {at_most} for each role",
            "select fewer policies (--policy, --service), or request a higher quota from AWS and set --at-most")
    return found


def size(of: PolicyDocument) -> int:
    """The number of characters that AWS counts, in the partition with the longest name."""
    text = json.dumps(of, separators=(",", ":"))
    for placeholder, longest in _LONGEST.items():
        text = text.replace(placeholder, longest)
    return len(text)


def filled(of: Any, *, partition: str, account: str) -> Any:
    """The document for one partition and account; `account` can be `*` for any."""
    text = json.dumps(of).replace(PARTITION, partition).replace(ACCOUNT, account)
    return json.loads(text)


def actions_of(found: Iterable[PolicyDocument]) -> list[str]:
    """Every action that the documents allow."""
    return sorted({action for one in found for statement in one["Statement"] for action in statement["Action"]})


def _condition(conditions: Sequence[IamCondition]) -> Mapping[str, Mapping[str, Any]]:
    blocks: dict[str, dict[str, Any]] = {}
    for condition in conditions:
        values = condition.values
        blocks.setdefault(condition.operator, {})[condition.key] = values[0] if len(values) == 1 else list(values)
    return blocks
