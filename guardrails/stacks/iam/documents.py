"""IAM policy documents: needs put together, limited to resources and regions, and cut to what AWS takes.

A managed policy holds 6,144 characters and a role ten of them; a role's inline policies hold 10,240 together. AWS does
not count white space.
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
"""Managed policies of one role, unless AWS was asked to raise the quota."""
_OWN = IamCondition("StringEquals", "aws:ResourceAccount", ("${aws:PrincipalAccount}",))
# The longest partition and an account's number: what placeholders can grow to.
_LONGEST = {PARTITION: "aws-us-gov", ACCOUNT: "000000000000"}

PolicyDocument = dict[str, Any]


@dataclass(frozen=True)
class PermissionGrant:
    """One action, on resources, under conditions."""

    action: str
    resources: tuple[str, ...]
    conditions: tuple[IamCondition, ...] = ()


def grants(needs: Iterable[Permission], regions: Sequence[str] = (), catalogue: ActionCatalogue | None = None) -> list[PermissionGrant]:
    """What is to be allowed so that every need is met, each action as narrowly as AWS lets it be.

    `regions`: what is called in the regions where policies run is allowed in these alone; empty: everywhere.
    """
    catalogue = catalogue or ActionCatalogue.shipped()
    limits = data_file("limits.yml")
    needs = list(needs)
    anywhere = {need.action for need in needs if not need.regional}
    found: dict[PermissionGrant, None] = {}
    for need in needs:
        service = need.action.partition(":")[0]
        resources = need.resources or catalogue.resources(need.action)
        conditions = list(need.conditions)
        if regions and need.action not in anywhere and service not in limits["global"]:
            conditions.append(IamCondition("StringEquals", "aws:RequestedRegion", tuple(sorted(regions))))
        if service in limits["own-account"] and not need.resources and resources != ("*",):
            conditions.append(_OWN)
        found[PermissionGrant(need.action, resources, tuple(conditions))] = None
    whole = {(grant.action, grant.conditions) for grant in found if grant.resources == ("*",)}
    kept = [grant for grant in found if grant.resources == ("*",) or (grant.action, grant.conditions) not in whole]
    return sorted(kept, key=lambda grant: (grant.resources, str(grant.conditions), grant.action))


def document(allowed: Iterable[PermissionGrant]) -> PolicyDocument:
    """One policy document: a statement for each set of resources and conditions."""
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


def documents(allowed: Sequence[PermissionGrant], *, role: str, at_most: int = POLICIES_AT_MOST) -> list[PolicyDocument]:
    """The documents that together allow `allowed`, each small enough for a managed policy.

    Raises GuardrailsError when the role would need more than `at_most` of them.
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
                f"role {role}: {grant.action} alone fills a policy: {len(grant.resources)} resources, "
                f"{sum(len(one.values) for one in grant.conditions)} values in its conditions", "name fewer, or globs")
    found.append(document(current))
    if len(found) > at_most:
        raise GuardrailsError(
            f"role {role} would need {len(found)} managed policies, and AWS takes {at_most} a role",
            "choose fewer policies (--policy, --service), or ask AWS for a higher quota and give it with --at-most")
    return found


def size(of: PolicyDocument) -> int:
    """The characters that AWS counts, in the partition where they are most."""
    text = json.dumps(of, separators=(",", ":"))
    for placeholder, longest in _LONGEST.items():
        text = text.replace(placeholder, longest)
    return len(text)


def filled(of: Any, *, partition: str, account: str) -> Any:
    """The document for one partition and account, or for any account where `account` is `*`."""
    text = json.dumps(of).replace(PARTITION, partition).replace(ACCOUNT, account)
    return json.loads(text)


def actions_of(found: Iterable[PolicyDocument]) -> list[str]:
    """Every action that the documents allow."""
    return sorted({action for one in found for statement in one["Statement"] for action in statement["Action"]})


def _condition(conditions: Sequence[IamCondition]) -> Mapping[str, Mapping[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for condition in conditions:
        values = condition.values
        made.setdefault(condition.operator, {})[condition.key] = values[0] if len(values) == 1 else list(values)
    return made
