"""The filter `policy-in-use` and the action `detach-policy` on the account: who has an AWS managed policy.

Source: IAM's ListEntitiesForPolicy, GetRole, and Attach and Detach of user, group and role policies.
"""
from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call
from ...fixing import OTHERWISE, Call, FixPlan, FixResult, Inverse, Step, again, fix_by_plan, is_removed
from .fix import IamFix
from .principals import GONE
from .protected import why_protected
from .support import POLICY, aws_policy

KINDS = ("User", "Group", "Role")
_NAMES = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


class Holder(NamedTuple):
    """A user, group or role that has the policy."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()} {self.name}"


def holders(client: Any, arn: str, exempt: Collection[str]) -> list[Holder]:
    """Who has a managed policy, without the exempt names; nobody where it does not exist. Raises one of AWS_ERRORS."""
    pages = client.get_paginator("list_entities_for_policy")
    try:
        found = call(lambda: pages.paginate(PolicyArn=arn).build_full_result())
    except client.exceptions.NoSuchEntityException:
        return []
    return [Holder(kind, each[f"{kind}Name"]) for kind in KINDS for each in found.get(f"Policy{kind}s") or ()
            if each[f"{kind}Name"] not in exempt]


def plan_detach(arn: str, found: Sequence[Holder], protected: dict[str, str]) -> FixPlan:
    """Detach the policy from those that have it. `protected`: why a role must not be changed, by its name."""
    steps, cannot = [], []
    for each in found:
        if each.kind == "Role" and each.name in protected:
            cannot.append(f"{each}: {protected[each.name]}")
            continue
        of = {f"{each.kind}Name": each.name, "PolicyArn": arn}
        steps.append(Step(
            f"detach {arn} from the {each}", Call("iam", f"detach_{each.kind.lower()}_policy", of),
            Call("iam", f"attach_{each.kind.lower()}_policy", of), removed=of, no_harm=frozenset({GONE})))
    return FixPlan(steps, cannot="; ".join(cannot))


class PolicyInUse(Filter):
    """The account, when a user, a group or a role has a certain AWS managed policy.

    `policy` is the name of the policy, with its path if it has one; `exempt` are names of users, groups and roles that
    may have it. Those that have it are kept on the account as `c7n:PolicyInUse`. One call, whatever their number.

    Written because c7n's `has-specific-managed-policy` reads the policies of every user, group and role, one by one.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-no-cloudshell
            resource: aws.account
            filters:
              - type: policy-in-use
                policy: AWSCloudShellFullAccess
    """

    schema = type_schema("policy-in-use", required=["policy"], policy=POLICY, exempt=_NAMES)
    permissions = ("iam:ListEntitiesForPolicy",)
    annotation_key = "c7n:PolicyInUse"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("iam")
        found = holders(client, aws_policy(self.manager, self.data["policy"]), self.data.get("exempt") or ())
        for account in resources if found else ():
            account[self.annotation_key] = ", ".join(map(str, found))
        return resources if found else []


class DetachPolicy(IamFix):
    """Detach an AWS managed policy from all users, groups and roles, except the exempt ones, and verify the result.

    `policy` and `exempt` are those of the filter `policy-in-use`. Roles that only AWS or the organization may change
    are left, and the receipt names them.

    Why not c7n's `set-policy`: it works on a list of users, groups or roles that must be read with all their policies.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-cloudshell-detach
            resource: aws.account
            filters:
              - type: policy-in-use
                policy: AWSCloudShellFullAccess
            actions:
              - type: detach-policy
                policy: AWSCloudShellFullAccess
    """

    schema = type_schema("detach-policy", required=["policy"], otherwise=OTHERWISE, policy=POLICY, exempt=_NAMES)
    inverses = tuple(
        Inverse("iam", f"attach_{kind.lower()}_policy", f"{kind}Name", is_removed, {"PolicyArn": is_removed},
                redo=again(f"detach_{kind.lower()}_policy"))
        for kind in KINDS)
    permissions: tuple[str, ...] = (
        "iam:ListEntitiesForPolicy", "iam:GetRole", *(f"iam:Detach{kind}Policy" for kind in KINDS))

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Detach the policy."""
        client, arn = session.client("iam"), aws_policy(self.manager, self.data["policy"])

        def plan() -> FixPlan:
            found = holders(client, arn, self.data.get("exempt") or ())
            return plan_detach(arn, found, _protected(client, [each.name for each in found if each.kind == "Role"]))

        yield fix_by_plan(lambda service: client, plan)


def _protected(client: Any, roles: Sequence[str]) -> dict[str, str]:
    why = {name: why_protected(name, str(call(client.get_role, RoleName=name)["Role"]["Path"])) for name in roles}
    return {name: reason for name, reason in why.items() if reason}
