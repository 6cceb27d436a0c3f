"""Required policies: the filter `missing-policies` on users, roles and the account, and its fix.

The policies must be attached to a user or a role, and must exist in an account.
"""
from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import get_partition, local_session, type_schema

from ...aws import call
from ...fixing import OTHERWISE, Call, FixResult, Inverse, Step, again, is_added
from ...parameters import placeholders
from .fix import IamFix
from .principals import Principal, Reader

POLICIES: dict[str, Any] = {"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}
"""The schema of a list of policies, or of a parameter with one."""
_ARN = re.compile(r"arn:[a-z-]+:iam::(\d{12}|aws):policy/[\w+=,.@/-]+")
_NAME = re.compile(r"[\w+=,.@/-]+")


def check_policies(element: Any, key: str = "policies") -> None:
    """Raise PolicyValidationError when the element's list contains anything but ARNs and names of policies."""
    given = element.data.get(key, ())
    if isinstance(given, str):
        if not placeholders(given):
            raise PolicyValidationError(
                f"{element.type}: {key} must be a list or a parameter with a list, got {given!r}")
        return
    for policy in given:
        pattern = _ARN if policy.startswith("arn:") else _NAME
        if not placeholders(policy) and not pattern.fullmatch(policy):
            raise PolicyValidationError(f"{element.type}: {key} must contain ARNs or names of policies, got {policy!r}")


def arns_of(element: Any, policies: Iterable[str]) -> list[str]:
    """The ARNs of policies, which may be given by ARN, or by name (with path) in this account."""
    config = element.manager.config
    prefix = f"arn:{get_partition(config.region)}:iam::{config.account_id}:policy/"
    return [policy if policy.startswith("arn:") else prefix + policy.lstrip("/") for policy in policies]


def missing(required: Iterable[str], there: Collection[str]) -> list[str]:
    """The required policies that are not in `there`, in their order."""
    return [arn for arn in dict.fromkeys(required) if arn not in there]


class MissingPolicies(Filter):
    """Users and roles that lack one of the required managed policies.

    The policies of a user's groups count too. `policies` lists ARNs, or names of policies of this account. The missing
    ones are kept on the resource as `c7n:MissingPolicies`. An empty list requires nothing.

    Written because c7n's `policy` and `has-specific-managed-policy` match when any policy of a list is attached: they
    cannot require all of them, or report which one is missing.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-role-policy-required
            resource: aws.iam-role
            filters:
              - type: missing-policies
                policies: [read-only, "arn:aws:iam::aws:policy/AWSDenyAll"]

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-user-policy-required
            resource: aws.iam-user
            filters:
              - type: missing-policies
                policies: [read-only]
    """

    schema = type_schema("missing-policies", policies=POLICIES, required=["policies"])
    permissions: tuple[str, ...] = ()
    annotation_key = "c7n:MissingPolicies"

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions to read, for the policy's resource type."""
        if self.manager.type == "iam-user":
            return ("iam:ListAttachedUserPolicies", "iam:ListGroupsForUser", "iam:ListAttachedGroupPolicies")
        return ("iam:ListAttachedRolePolicies",)

    def validate(self) -> MissingPolicies:
        check_policies(self)
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        reader = Reader(local_session(self.manager.session_factory).client("iam"))
        required = arns_of(self, self.data["policies"])
        found = []
        for resource in resources:
            lacking = lacks(reader, Principal.of(self.manager.type, resource), required)
            if lacking:
                resource[self.annotation_key] = lacking
                found.append(resource)
        return found


class AttachMissingPolicies(IamFix):
    """Attach the required managed policies that a user or a role lacks, and verify the result.

    The missing policies are determined again, as in the policy's filter `missing-policies`. Nothing is detached.
    Roles of AWS, and roles with which an organization administers the account, are refused.

    The outcome of each principal is reverted, already-ok, partial or failed. Its receipt, in
    `action-attach-missing-policies` beside the policy's other output, has the attached policies and the calls that
    detach them again.

    Written because c7n's `set-policy` attaches one policy, whether it is missing or not, and does not report it.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-user-policy-required
            resource: aws.iam-user
            filters:
              - type: missing-policies
                policies: [read-only]
            actions:
              - attach-missing-policies

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-role-policy-required
            resource: aws.iam-role
            filters:
              - type: missing-policies
                policies: [read-only]
            actions:
              - attach-missing-policies
    """

    schema = type_schema("attach-missing-policies", otherwise=OTHERWISE)
    inverses = tuple(
        Inverse("iam", f"detach_{kind}_policy", f"{kind.capitalize()}Name", values={"PolicyArn": is_added},
                already=("NoSuchEntity",), type=f"aws.iam-{kind}", redo=again(f"attach_{kind}_policy"))
        for kind in ("user", "role"))
    permissions: tuple[str, ...] = ()

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions to read and to change, for the policy's resource type."""
        attach = Principal(self.manager.type.rpartition("iam-")[2], "").permissions("Attach{}Policy")
        reads = (permission for found in self._filters() for permission in found.get_permissions())
        return (*reads, *attach, *self.told_permissions())

    def validate(self) -> AttachMissingPolicies:
        super().validate()
        if len(self._filters()) != 1:
            raise PolicyValidationError(f"{self.type}: the policy must have exactly one filter missing-policies")
        return self

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Attach the policies that one principal lacks."""
        self.check_not_protected(resource)
        principal, client = Principal.of(self.manager.type, resource), session.client("iam")
        [declared] = self._filters()
        required = arns_of(self, declared.data["policies"])
        yield self.carry_out(client, lambda: [
            _attachment(principal, arn) for arn in lacks(Reader(client), principal, required)])

    def _filters(self) -> list[MissingPolicies]:
        return [found for found in self.manager.iter_filters() if isinstance(found, MissingPolicies)]


class MissingAccountPolicies(Filter):
    """The account, when one of the required managed policies does not exist.

    `policies` lists names or ARNs of customer managed policies. The missing ones are kept on the account as
    `c7n:MissingPolicies`.

    Written because c7n's `missing` checks whether any policy of a list exists: it cannot require all of them, or report
    which one is missing.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-policy-exists
            resource: aws.account
            filters:
              - type: missing-policies
                policies: [boundary, read-only]
    """

    schema = type_schema("missing-policies", policies=POLICIES, required=["policies"])
    permissions = ("iam:ListPolicies",)
    annotation_key = MissingPolicies.annotation_key

    def validate(self) -> MissingAccountPolicies:
        check_policies(self)
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("iam")
        pages = call(lambda: list(client.get_paginator("list_policies").paginate(Scope="Local")))
        there = {policy[key] for page in pages for policy in page["Policies"] for key in ("PolicyName", "Arn")}
        lacking = missing(self.data["policies"], there)
        if not lacking:
            return []
        for account in resources:
            account[self.annotation_key] = lacking
        return resources


def lacks(reader: Reader, principal: Principal, required: Sequence[str]) -> list[str]:
    """The required policies that the principal does not have; its groups are read only when necessary."""
    lacking = missing(required, reader.attached(principal)) if required else []
    if lacking and principal.kind == "user":
        through = {arn for group in reader.groups(principal) for arn in reader.attached(group, may_be_gone=True)}
        lacking = missing(lacking, through)
    return lacking


def _attachment(principal: Principal, arn: str) -> Step:
    parameters = {**principal.parameters, "PolicyArn": arn}
    return Step(
        f"attach {arn}", Call("iam", f"attach_{principal.kind}_policy", parameters),
        Call("iam", f"detach_{principal.kind}_policy", parameters),
        added={"PolicyArn": arn})
