"""The policies of a user, a group or a role, read from IAM.

Source: IAM's ListUserPolicies, GetUserPolicy, ListAttachedUserPolicies and the same calls for groups and roles,
ListGroupsForUser, GetPolicy, GetPolicyVersion.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ...aws import call, code_of

GONE = "NoSuchEntity"


@dataclass(frozen=True)
class Principal:
    """A user, a group or a role.

    `kind` is `user`, `group` or `role`; it is part of the names of IAM's operations, as in `list_user_policies`.
    """

    kind: str
    name: str

    @classmethod
    def of(cls, resource_type: str, resource: Mapping[str, Any]) -> Principal:
        """The principal of a resource of one of c7n's types, such as `iam-user`."""
        kind = resource_type.rpartition("iam-")[2]
        return cls(kind, resource[f"{kind.capitalize()}Name"])

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters for it in an operation: `{"UserName": …}`."""
        return {f"{self.kind.capitalize()}Name": self.name}

    def permissions(self, *verbs: str) -> tuple[str, ...]:
        """The permissions for calls on it: `Put{}Policy` becomes `iam:PutUserPolicy`."""
        return tuple(f"iam:{verb.format(self.kind.capitalize())}" for verb in verbs)


@dataclass(frozen=True)
class Grant:
    """A policy of a principal: `policy` is the name of an inline policy, or the ARN of a managed one."""

    holder: Principal
    policy: str
    inline: bool
    document: Any

    def __str__(self) -> str:
        kind = f"inline policy {self.policy}" if self.inline else self.policy
        return f"{kind} of the group {self.holder.name}" if self.holder.kind == "group" else kind


class Reader:
    """Reads the policies of principals; each managed policy is read once."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._documents: dict[str, Any] = {}

    def grants(self, principal: Principal) -> Iterator[Grant]:
        """The principal's policies, without its groups'; none when it does not exist. Raises one of AWS_ERRORS."""
        yield from self.inline(principal)
        for arn in self.attached(principal, may_be_gone=True):
            document = self.document(arn)
            if document is not None:
                yield Grant(principal, arn, False, document)

    def inline(self, principal: Principal) -> Iterator[Grant]:
        """The principal's inline policies; none when it does not exist. Raises one of AWS_ERRORS."""
        read = getattr(self._client, f"get_{principal.kind}_policy")
        for name in self._listed(f"list_{principal.kind}_policies", "PolicyNames", principal, may_be_gone=True):
            answer = _unless_gone(read, PolicyName=name, **principal.parameters)
            if answer:
                yield Grant(principal, name, True, answer["PolicyDocument"])

    def attached(self, principal: Principal, *, may_be_gone: bool = False) -> list[str]:
        """The ARNs of the managed policies that are attached to the principal itself.

        With `may_be_gone`, none when it does not exist. Raises one of AWS_ERRORS.
        """
        operation = f"list_attached_{principal.kind}_policies"
        listed = self._listed(operation, "AttachedPolicies", principal, may_be_gone=may_be_gone)
        return [policy["PolicyArn"] for policy in listed]

    def groups(self, user: Principal) -> list[Principal]:
        """The groups of a user. Raises one of AWS_ERRORS."""
        listed = self._listed("list_groups_for_user", "Groups", user, may_be_gone=False)
        return [Principal("group", group["GroupName"]) for group in listed]

    def document(self, arn: str) -> Any:
        """The document of a managed policy's default version; None when it does not exist. Raises one of AWS_ERRORS."""
        if arn not in self._documents:
            self._documents[arn] = self._read(arn)
        return self._documents[arn]

    def _read(self, arn: str) -> Any:
        found = _unless_gone(self._client.get_policy, PolicyArn=arn)
        version = found and _unless_gone(
            self._client.get_policy_version, PolicyArn=arn, VersionId=found["Policy"]["DefaultVersionId"])
        return version["PolicyVersion"]["Document"] if version else None

    def _listed(self, operation: str, key: str, principal: Principal, *, may_be_gone: bool) -> list[Any]:
        paginator = self._client.get_paginator(operation)

        def read() -> list[Any]:
            return list(paginator.paginate(**principal.parameters))

        pages = _unless_gone(read) if may_be_gone else call(read)
        return [entry for page in pages or () for entry in page[key]]


def _unless_gone(operation: Any, **parameters: Any) -> Any:
    try:
        return call(operation, **parameters)
    except ClientError as error:
        if code_of(error) != GONE:
            raise
        return None
