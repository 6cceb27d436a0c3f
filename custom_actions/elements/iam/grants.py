"""The filters `decrypts-every-key` on users, groups, roles and policies, and `whole-services` on policies.

Source: Security Hub's user guide, the controls KMS.1, KMS.2 and IAM.21.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from .documents import allows_decryption, allows_whole_services
from .principals import Principal, Reader

_READ_MANAGED = ("iam:GetPolicy", "iam:GetPolicyVersion")


class _Documents(Filter):
    """Reads documents, and keeps what is wrong with them on the resource."""

    annotation_key: str
    decide: Callable[[Any], list[str]]

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        reader = Reader(local_session(self.manager.session_factory).client("iam"))
        found = []
        for resource in resources:
            if reasons := self._reasons(reader, resource):
                resource[self.annotation_key] = reasons
                found.append(resource)
        return found

    def _reasons(self, reader: Reader, resource: Mapping[str, Any]) -> list[str]:
        document = reader.document(resource["Arn"])
        return type(self).decide(document) if document is not None else []


class DecryptsEveryKey(_Documents):
    """Inline policies of users, groups and roles, and managed policies, that allow to decrypt every KMS key.

    On `iam-user`, `iam-group` and `iam-role`, the inline policies count; on `iam-policy`, the default version of the
    policy. A statement counts when it allows kms:Decrypt or kms:ReEncryptFrom on every key of all regions, of one
    account or of all, whatever its conditions; `key/*` of a single region does not. What the same document denies for
    every key is not allowed. The statements are kept on the resource as `c7n:DecryptsEveryKey`.

    Written because c7n's `check-permissions` simulates a principal with all its policies, and its `has-statement` does
    not know wildcards in a policy's actions and resources.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-role-no-decrypt-all
            resource: aws.iam-role
            filters:
              - decrypts-every-key
    """

    schema = type_schema("decrypts-every-key")
    permissions: tuple[str, ...] = _READ_MANAGED
    annotation_key = "c7n:DecryptsEveryKey"
    decide = staticmethod(allows_decryption)

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions to read, for the policy's resource type."""
        if self.manager.type == "iam-policy":
            return _READ_MANAGED
        kind = self.manager.type.rpartition("iam-")[2]
        return Principal(kind, "").permissions("List{}Policies", "Get{}Policy")

    def _reasons(self, reader: Reader, resource: Mapping[str, Any]) -> list[str]:
        if self.manager.type == "iam-policy":
            return super()._reasons(reader, resource)
        return [
            f"{grant}: {reason}" for grant in reader.inline(Principal.of(self.manager.type, resource))
            for reason in allows_decryption(grant.document)]


class WholeServices(_Documents):
    """Managed policies whose default version allows all actions of a service, as `s3:*` does.

    `NotAction: s3:*` counts too, because it allows all actions of all other services. Resources and conditions do not
    matter. The statements are kept on the policy as `c7n:WholeServices`.

    Written because c7n's `has-statement` does not know wildcards in a policy's actions.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-policy-no-whole-services
            resource: aws.iam-policy
            filters:
              - whole-services
    """

    schema = type_schema("whole-services")
    permissions: tuple[str, ...] = _READ_MANAGED
    annotation_key = "c7n:WholeServices"
    decide = staticmethod(allows_whole_services)
