"""The filter `full-star` on users, groups, roles and policies, and the action `revoke-full-star` on the first three."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import caller_arn
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, FixResult, Inverse, Step, again, is_removed
from ...parameters import placeholders
from .documents import allows_everything, parse
from .fix import IamFix
from .principals import Grant, Principal, Reader

_READ_MANAGED = ("iam:GetPolicy", "iam:GetPolicyVersion")
_READ = ("List{}Policies", "Get{}Policy", "ListAttached{}Policies")


class FullStar(Filter):
    """Users, groups and roles with a policy that allows all actions, and managed policies that allow all actions.

    It checks inline policies, and the default version of attached managed policies; on `iam-user` with `groups: true`,
    also those of the user's groups. On `iam-policy` it checks the default version of the policy: combine it with
    `AttachmentCount`, because a policy that is not attached has no effect.

    A statement allows all actions, with any Resource and Condition, when its Action has only wildcards (`*`, `*:*`,
    `?*` and the like), or when its NotAction does not exclude IAM, because access to IAM is enough to get all other
    permissions. Statements with Deny never match. The policy, the statement and the reason are kept on the resource as
    `c7n:FullStar`.

    Written because c7n's `check-permissions` uses the policy simulator, so a boundary, a condition or a resource hides
    the wildcard; and `has-allow-all` works on managed policies only and does not know `*:*` or NotAction.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-user-no-full-star
            resource: aws.iam-user
            filters:
              - type: full-star
                groups: true

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-policy-no-full-star
            resource: aws.iam-policy
            filters:
              - type: value
                key: AttachmentCount
                op: gt
                value: 0
              - type: full-star
    """

    schema = type_schema("full-star", groups={"oneOf": [{"type": "boolean"}, {"type": "string"}]})
    permissions: tuple[str, ...] = _READ_MANAGED
    annotation_key = "c7n:FullStar"

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions to read, for the policy's resource type."""
        if self.manager.type == "iam-policy":
            return _READ_MANAGED
        kind = self.manager.type.rpartition("iam-")[2]
        found = _READ_MANAGED + Principal(kind, "").permissions(*_READ)
        if self.data.get("groups"):
            found += ("iam:ListGroupsForUser", *Principal("group", "").permissions(*_READ))
        return found

    def validate(self) -> FullStar:
        groups = self.data.get("groups", False)
        if "groups" in self.data and self.manager.type != "iam-user":
            raise PolicyValidationError(f"{self.type}: groups works on aws.iam-user, not on aws.{self.manager.type}")
        if isinstance(groups, str) and not placeholders(groups):
            raise PolicyValidationError(f"{self.type}: groups must be true or false, got {groups!r}")
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        reader = Reader(local_session(self.manager.session_factory).client("iam"))
        found = []
        for resource in resources:
            reasons = self._reasons(reader, resource)
            if reasons:
                resource[self.annotation_key] = reasons
                found.append(resource)
        return found

    def _reasons(self, reader: Reader, resource: Mapping[str, Any]) -> list[str]:
        if self.manager.type == "iam-policy":
            document = reader.document(resource["Arn"])
            return allows_everything(document) if document is not None else []
        principal = Principal.of(self.manager.type, resource)
        holders = [principal, *(reader.groups(principal) if self.data.get("groups") is True else ())]
        return lines(grant for holder in holders for grant in reader.grants(holder))


class RevokeFullStar(IamFix):
    """Remove the policies that allow all actions from a user, a group or a role, and verify the result.

    Such a managed policy is detached, and such an inline policy is deleted; all other policies stay. Which policies
    they are is decided again, as in the filter `full-star`. A user's groups are not changed, because other users have
    their policies too. The principal under which this runs is refused, because it could not undo the fix, and so are
    roles of AWS and roles with which an organization administers the account.

    The outcome of each principal is reverted, already-ok, partial, failed or refused. Its receipt, in
    `action-revoke-full-star` beside the policy's other output, has the removed policies and the calls that restore
    them, including the documents of inline policies.

    Written because c7n's `set-policy` detaches policies by ARN or all of them, whatever they allow; its deletion of
    inline policies deletes all (and does not work on roles); and neither keeps what it deletes.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-role-revoke-full-star
            resource: aws.iam-role
            filters:
              - full-star
            actions:
              - type: revoke-full-star
    """

    schema = type_schema("revoke-full-star", otherwise=OTHERWISE)
    inverses = tuple(inverse for kind in ("user", "group", "role") for inverse in (
        Inverse("iam", f"attach_{kind}_policy", f"{kind.capitalize()}Name", values={"PolicyArn": is_removed},
                type=f"aws.iam-{kind}", redo=again(f"detach_{kind}_policy")),
        Inverse("iam", f"put_{kind}_policy", f"{kind.capitalize()}Name",
                values={"PolicyName": is_removed, "PolicyDocument": is_removed},
                type=f"aws.iam-{kind}", redo=again(f"delete_{kind}_policy", "PolicyDocument")),
    ))
    permissions: tuple[str, ...] = ("sts:GetCallerIdentity", *_READ_MANAGED)

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions to read and to change, for the policy's resource type."""
        principal = Principal(self.manager.type.rpartition("iam-")[2], "")
        return (
            *self.permissions, *principal.permissions(*_READ, "Delete{}Policy", "Detach{}Policy"),
            *self.told_permissions())

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Remove the policies that allow all actions from one principal."""
        self.check_not_protected(resource)
        principal = Principal.of(self.manager.type, resource)
        own = caller_arn(session)
        if is_caller(principal, own):
            raise Refusal(f"this runs as {own}, which could not restore its own permissions")
        client = session.client("iam")
        yield self.carry_out(client, lambda: plan(Reader(client).grants(principal)))


def lines(grants: Iterable[Grant]) -> list[str]:
    """The statements that allow all actions, in words. Raises DocumentError."""
    return [f"{grant}: {reason}" for grant in grants for reason in allows_everything(grant.document)]


def plan(grants: Iterable[Grant]) -> list[Step]:
    """The steps that remove every policy that allows all actions. Raises DocumentError."""
    return [_revocation(grant) for grant in grants if allows_everything(grant.document)]


def is_caller(principal: Principal, arn: str) -> bool:
    """Whether this principal is the caller, by its ARN from sts:GetCallerIdentity."""
    kind, _, rest = arn.split(":", 5)[5].partition("/")
    if kind == "assumed-role":
        return principal == Principal("role", rest.partition("/")[0])
    return principal == Principal(kind, rest.rpartition("/")[2])


def _revocation(grant: Grant) -> Step:
    kind, of = grant.holder.kind, grant.holder.parameters
    if not grant.inline:
        parameters = {**of, "PolicyArn": grant.policy}
        return Step(
            f"detach {grant}", Call("iam", f"detach_{kind}_policy", parameters),
            Call("iam", f"attach_{kind}_policy", parameters),
            removed={"PolicyArn": grant.policy})
    parameters = {**of, "PolicyName": grant.policy}
    document = json.dumps(parse(grant.document))
    return Step(
        f"delete {grant}", Call("iam", f"delete_{kind}_policy", parameters),
        Call("iam", f"put_{kind}_policy", {**parameters, "PolicyDocument": document}),
        removed={"PolicyName": grant.policy, "PolicyDocument": document}, overwrites=True)
