"""The filter `full-star` on users, groups, roles and policies, and the action `revoke-full-star` on the first three."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import Call, FixResult, Inverse, Step, again, is_removed
from ...parameters import placeholders
from .documents import allows_everything, parse
from .fix import IamFix
from .principals import Grant, Principal, Reader

_READ_MANAGED = ("iam:GetPolicy", "iam:GetPolicyVersion")
_READ = ("List{}Policies", "Get{}Policy", "ListAttached{}Policies")


class FullStar(Filter):
    """Users, groups and roles with a policy that allows everything, and managed policies that do.

    Looked at are inline policies, and the default version of the managed policies that are attached; on `iam-user` with
    `groups: true` those of the user's groups too. On `iam-policy` it is the policy's own default version: give it
    `AttachmentCount` beside, for one that nobody has does no harm.

    A statement allows everything, whatever its Resource and Condition, when its Action is nothing but wildcards
    (`*`, `*:*`, `?*` and the like), or when its NotAction leaves IAM open, for who may use IAM may take the rest. A
    Deny never offends. What offends is kept on the resource as `c7n:FullStar`: policy, statement and how.

    Written because c7n's `check-permissions` asks the policy simulator, so a boundary, a condition or a resource hides
    the star, and `has-allow-all` is there for managed policies only and knows neither `*:*` nor NotAction.

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
        """What is read, by the kind of resource."""
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
            raise PolicyValidationError(f"{self.type}: groups goes with aws.iam-user, not with aws.{self.manager.type}")
        if isinstance(groups, str) and not placeholders(groups):
            raise PolicyValidationError(f"{self.type}: groups is true or false, not {groups!r}")
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        reader = Reader(local_session(self.manager.session_factory).client("iam"))
        found = []
        for resource in resources:
            said = self._said(reader, resource)
            if said:
                resource[self.annotation_key] = said
                found.append(resource)
        return found

    def _said(self, reader: Reader, resource: Mapping[str, Any]) -> list[str]:
        if self.manager.type == "iam-policy":
            document = reader.document(resource["Arn"])
            return allows_everything(document) if document is not None else []
        principal = Principal.of(self.manager.type, resource)
        holders = [principal, *(reader.groups(principal) if self.data.get("groups") is True else ())]
        return lines(grant for holder in holders for grant in reader.grants(holder))


class RevokeFullStar(IamFix):
    """Take the policies that allow everything from a user, a group or a role, and prove it.

    An offending managed policy is detached, an offending inline one deleted; every other policy stays. What offends is
    decided as by the filter `full-star`, and anew. A user's groups are not touched: their policies are other people's
    too. The principal under which this runs is refused, for it could not take it back.

    Each one ends as reverted, already-ok, partial, failed or refused, in a receipt with the policies taken and the
    calls that give them back, inline documents included: in `action-revoke-full-star` beside the policy's other output.

    Written because c7n's `set-policy` detaches by ARN or all, whether it offends or not, its inline deletions delete
    all (and there is none for roles), and none of them keeps what it deleted.

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

    schema = type_schema("revoke-full-star")
    inverses = tuple(inverse for kind in ("user", "group", "role") for inverse in (
        Inverse("iam", f"attach_{kind}_policy", f"{kind.capitalize()}Name", values={"PolicyArn": is_removed},
                type=f"aws.iam-{kind}", redo=again(f"detach_{kind}_policy")),
        Inverse("iam", f"put_{kind}_policy", f"{kind.capitalize()}Name",
                values={"PolicyName": is_removed, "PolicyDocument": is_removed},
                type=f"aws.iam-{kind}", redo=again(f"delete_{kind}_policy", "PolicyDocument")),
    ))
    permissions: tuple[str, ...] = ("sts:GetCallerIdentity", *_READ_MANAGED)

    def get_permissions(self) -> tuple[str, ...]:
        """What is read and changed, by the kind of resource."""
        principal = Principal(self.manager.type.rpartition("iam-")[2], "")
        return self.permissions + principal.permissions(*_READ, "Delete{}Policy", "Detach{}Policy")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Take the policies that allow everything from one principal."""
        principal = Principal.of(self.manager.type, resource)
        own = call(session.client("sts").get_caller_identity)["Arn"]
        if is_caller(principal, own):
            raise Refusal(f"this runs as {own}, and could not give its own rights back")
        client = session.client("iam")
        yield self.carry_out(client, lambda: plan(Reader(client).grants(principal)))


def lines(grants: Iterable[Grant]) -> list[str]:
    """What allows everything among the grants, for a reader. Raises DocumentError."""
    return [f"{grant}: {said}" for grant in grants for said in allows_everything(grant.document)]


def plan(grants: Iterable[Grant]) -> list[Step]:
    """The steps that take every grant that allows everything. Raises DocumentError."""
    return [_revocation(grant) for grant in grants if allows_everything(grant.document)]


def is_caller(principal: Principal, arn: str) -> bool:
    """Whether the ARN of sts:GetCallerIdentity is of this principal."""
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
        removed={"PolicyName": grant.policy, "PolicyDocument": document})
