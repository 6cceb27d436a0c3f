"""Which IAM roles the policies need, with which permissions, and the files that describe them: the work of `iam`."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from custom_actions.names import DEPLOY_ROLE, DOCTOR_ROLE, FUNCTION_ROLE, HEAL_ROLE, RESPONDER_ROLE, SWEEP_ROLE

from ...accounts import Response, S3Url
from ...deployment import as_deployed
from ...policies import Policy, conditions_hold
from ...runs import with_output
from .documents import PolicyDocument, document, documents, filled, grants, size
from .needs import Permission, of_function, of_hub, of_securityhub, of_sweep
from .operator import of_deploy, of_doctor
from .responder import of_responder
from .template import IamRole, file_names, functions, members

# The account and region for which a policy's conditions are checked; `profile` conditions do not depend on them.
_ANY_ACCOUNT, _ANY_REGION = "000000000000", "us-east-1"


@dataclass(frozen=True)
class RoleRequest:
    """For what the roles are needed."""

    policies: Sequence[Policy]
    """The selected policies that are in force (`in_force`)."""
    variables: Sequence[Mapping[str, Any]]
    """The distinct `vars` of the accounts: a parameter can add calls."""
    responses: frozenset[Response]
    """What functions may do in the accounts."""
    reports: S3Url | None = None
    """Where functions on a schedule write their findings."""
    securityhub: bool = False
    """Whether the sweep role also imports findings into Security Hub."""
    regions: tuple[str, ...] = ()
    """The regions in which the policies run; empty for all."""
    at_most: int = 10
    """How many managed policies AWS allows for one role."""


@dataclass(frozen=True)
class NeededRole:
    """One role, and the permissions from which its policy documents are made."""

    role: IamRole
    permissions: tuple[Permission, ...]

    @property
    def actions(self) -> int:
        """How many different actions the role allows."""
        return len({permission.action for permission in self.permissions})


@dataclass(frozen=True)
class NeededRoles:
    """Every role that the policies need."""

    shared: tuple[NeededRole, ...]
    """The roles of all accounts; one of them is shared by all functions."""
    own: Mapping[str, tuple[PolicyDocument, tuple[Permission, ...]]]
    """By function: what a role of its own must allow."""
    hub: PolicyDocument
    """What the operator must be allowed in the account from which sweeps run."""

    @property
    def largest(self) -> int:
        """The characters of the largest document of a function's own role."""
        return max((size(one) for one, _ in self.own.values()), default=0)

    def files(self, *, partition: str, account: str) -> Iterator[tuple[str, Any]]:
        """Each file's relative path and its content as JSON.

        `partition` and `account` fill in the ARNs of the documents; the templates let CloudFormation fill them in.
        """
        for needed in self.shared:
            role = needed.role
            for file, one in zip(
                    file_names(role.key.lower(), len(role.documents)), role.documents, strict=True):
                yield file, filled(one, partition=partition, account=account)
        for name, (one, _) in self.own.items():
            yield f"functions/{name}.json", filled(one, partition=partition, account=account)
        yield "hub.json", filled(self.hub, partition=partition, account=account)
        yield "member.template.json", members([needed.role for needed in self.shared])
        templates = functions({name: one for name, (one, _) in self.own.items()})
        yield from zip(file_names("functions", len(templates), ".template.json"), templates, strict=True)
        yield "permissions.json", {
            needed.role.name: _reasons(needed.permissions) for needed in self.shared
        } | {f"function {name}": _reasons(permissions) for name, (_, permissions) in self.own.items()}


def in_force(
    policies: Iterable[Policy], names: Sequence[str], variables: Sequence[Mapping[str, Any]]
) -> list[Policy]:
    """The policies that need permissions: those without a profile, with a chosen profile, or selected by full name.

    `variables`: the distinct `vars` of the accounts, which choose profiles.
    """
    return [
        policy for policy in policies
        if policy.name in names or not policy.metadata.get("profile") or any(
            conditions_hold(policy, account=_ANY_ACCOUNT, region=_ANY_REGION, variables=given) for given in variables)
    ]


def needed_roles(request: RoleRequest) -> NeededRoles:
    """The roles that the request needs, each with the fewest permissions.

    Raises GuardrailsError when a policy declares an action that AWS does not know, or a role exceeds AWS's quotas.
    """
    deployed = _deployed(request)
    shared = [
        _needed(request, role, permissions) for role, permissions, policies in _kinds(request, deployed) if policies]
    own = {}
    for policy in deployed:
        permissions = of_function(policy, request.variables)
        own[policy.function] = (document(grants(permissions, request.regions)), tuple(permissions))
    hub = document(grants(of_hub([needed.role.name for needed in shared if needed.role.hub])))
    return NeededRoles(tuple(shared), own, hub)


def _deployed(request: RoleRequest) -> list[Policy]:
    """The policies that become functions, in the form that needs the most permissions."""
    policies = [policy for policy in request.policies if policy.deploys]
    if request.reports:
        policies = [with_output(policy, request.reports) for policy in policies]
    # All accounts have the same role: it must allow what functions do in any of them.
    form = Response.RESPOND if request.responses == {Response.RESPOND} else Response.HEAL
    return [as_deployed(policy, form) for policy in policies]


def _kinds(
    request: RoleRequest, deployed: Sequence[Policy]
) -> Iterator[tuple[IamRole, list[Permission], Sequence[Policy]]]:
    """Each role without documents, its permissions, and the policies for which it is needed."""
    swept = [policy for policy in request.policies if policy.sweeps]
    healing = [policy for policy in swept if policy.heals]
    responded = [
        policy for policy in request.policies
        if policy.deploys and policy.heals and Response.RESPOND in request.responses]

    def role(key: str, name: str, description: str, *, hub: bool) -> IamRole:
        return IamRole(key, name, description, (), hub)

    yield (role("Sweep", SWEEP_ROLE, "audit: reads what the policies evaluate", hub=True),
           of_sweep(swept, request.variables, heal=False) + (of_securityhub() if request.securityhub else []), swept)
    yield (role("Heal", HEAL_ROLE, "heal: reads, and runs the fixes", hub=True),
           of_sweep(healing, request.variables, heal=True), healing)
    yield (role("Function", FUNCTION_ROLE, "the functions of all policies", hub=False),
           [each for policy in deployed for each in of_function(policy, request.variables, shared=True)], deployed)
    yield (role("Respond", RESPONDER_ROLE, "the responder: reads, and runs the fixes of all policies", hub=False),
           of_responder(responded, request.variables), responded)
    yield (role("Deploy", DEPLOY_ROLE, "deploy, undeploy: the functions and what starts them", hub=True),
           of_deploy(deployed), deployed)
    yield role("Doctor", DOCTOR_ROLE, "doctor: reads what is deployed", hub=True), of_doctor(deployed), deployed


def _needed(request: RoleRequest, role: IamRole, permissions: Sequence[Permission]) -> NeededRole:
    allowed = documents(grants(permissions, request.regions), role=role.name, at_most=request.at_most)
    return NeededRole(replace(role, documents=allowed), tuple(permissions))


def _reasons(permissions: Iterable[Permission]) -> dict[str, list[str]]:
    """By action: what calls it."""
    found: dict[str, set[str]] = {}
    for permission in permissions:
        found.setdefault(permission.action, set()).add(permission.by)
    return {action: sorted(found[action]) for action in sorted(found)}
