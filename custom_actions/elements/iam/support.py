"""The filter `policy-without-role` and the action `create-role-for-policy`: an AWS managed policy that no role has.

Source: IAM's ListEntitiesForPolicy, GetRole, CreateRole, AttachRolePolicy, DetachRolePolicy and DeleteRole.
"""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from c7n.filters import Filter
from c7n.utils import get_partition, local_session, type_schema

from ...aws import absent, call
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, FixPlan, FixResult, Inverse, Step, fix_by_plan, is_added
from .fix import IamFix
from .principals import GONE

POLICY = {"type": "string", "pattern": "^[A-Za-z0-9+=,.@_-]+(/[A-Za-z0-9+=,.@_-]+)*$"}


def aws_policy(manager: Any, name: str) -> str:
    """The ARN of an AWS managed policy."""
    return f"arn:{get_partition(manager.config.region)}:iam::aws:policy/{name}"


def roles_with(client: Any, arn: str) -> list[str]:
    """The names of the roles that have a managed policy. Raises one of AWS_ERRORS."""
    pages = client.get_paginator("list_entities_for_policy")
    found = call(lambda: pages.paginate(PolicyArn=arn, EntityFilter="Role").build_full_result())
    return [role["RoleName"] for role in found.get("PolicyRoles") or ()]


def plan_role(name: str, arn: str, trust: Mapping[str, Any], existing: Mapping[str, Any] | None) -> FixPlan:
    """Create the role, and attach the policy. `existing`: the role of this name, as GetRole shows it.

    A role of this name that trusts anybody else is refused: whoever has made it would get the policy.
    """
    if existing and existing["AssumeRolePolicyDocument"] != trust:
        raise Refusal(f"the role {name} exists, and trusts others than the parameters say")
    role = {"RoleName": name}
    create = [] if existing else [Step(
        f"create the role {name}", Call("iam", "create_role", {
            **role, "AssumeRolePolicyDocument": json.dumps(trust), "Description": "Opens cases with AWS Support."}),
        Call("iam", "delete_role", role), added={**role, "AssumeRolePolicyDocument": dict(trust)}, chain=name)]
    policy = {**role, "PolicyArn": arn}
    return FixPlan([*create, Step(
        f"attach {arn}", Call("iam", "attach_role_policy", policy), Call("iam", "detach_role_policy", policy),
        added=policy, chain=name)])


class PolicyWithoutRole(Filter):
    """The account, when no role has a certain AWS managed policy.

    `policy` is the name of an AWS managed policy, with its path if it has one. Users and groups that have it do not
    count. One call, whatever the number of roles. The policy's ARN is kept on the account as `c7n:PolicyWithoutRole`.

    Written because c7n's `has-specific-managed-policy` reads the policies of every role, one by one, and an account
    without any role would have nothing to judge.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-support-role
            resource: aws.account
            filters:
              - type: policy-without-role
                policy: AWSSupportAccess
    """

    schema = type_schema(
        "policy-without-role", required=["policy"],
        policy=POLICY)
    permissions = ("iam:ListEntitiesForPolicy",)
    annotation_key = "c7n:PolicyWithoutRole"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("iam")
        arn = aws_policy(self.manager, self.data["policy"])
        if roles_with(client, arn):
            return []
        for account in resources:
            account[self.annotation_key] = f"no role has the policy {arn}"
        return resources


class CreateRoleForPolicy(IamFix):
    """Create a role with an AWS managed policy where no role has it, and verify the result.

    `principals` (ARNs of users or roles, or of the root of an account) may assume the role. The fix is refused while it
    is empty or names everyone, and if a role of the name exists that trusts others.

    Written because c7n has no action that creates a role.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-support-role-create
            resource: aws.account
            filters:
              - type: policy-without-role
                policy: AWSSupportAccess
            actions:
              - type: create-role-for-policy
                policy: AWSSupportAccess
                role: aws-support
                principals: ["arn:aws:iam::111122223333:role/incident-manager"]
    """

    schema = type_schema(
        "create-role-for-policy", required=["policy", "role", "principals"], otherwise=OTHERWISE, policy=POLICY,
        role={"type": "string"},
        principals={"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
    inverses = (
        Inverse("iam", "detach_role_policy", "RoleName", is_added, {"PolicyArn": is_added}, already=(GONE,)),
        Inverse("iam", "delete_role", "RoleName", is_added, already=(GONE,)),
    )
    permissions: tuple[str, ...] = (
        "iam:ListEntitiesForPolicy", "iam:GetRole", "iam:CreateRole", "iam:AttachRolePolicy")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Create the role."""
        client, name = session.client("iam"), self.data["role"]
        arn, trust = aws_policy(self.manager, self.data["policy"]), trust_in(self.data["principals"])

        def plan() -> FixPlan:
            if roles_with(client, arn):
                return FixPlan()
            answer = absent(client.get_role, GONE, RoleName=name)
            return plan_role(name, arn, trust, answer["Role"] if answer else None)

        yield fix_by_plan(lambda service: client, plan)


def trust_in(principals: str | Sequence[str]) -> dict[str, Any]:
    """A trust policy for these principals. Raises Refusal if anybody could be one."""
    named = [principals] if isinstance(principals, str) else list(principals)
    if not named or any("*" in each or not each.startswith("arn:") for each in named):
        raise Refusal("the parameters must name, by their ARNs, who may assume the role")
    return {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": named[0] if len(named) == 1 else named}, "Action": "sts:AssumeRole"}]}
