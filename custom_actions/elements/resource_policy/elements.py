"""The filter `public-policy`, on every resource type that it can read the policy of."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...addresses import share_of
from ...aws import absent, call
from .everyone import public_statements, statements_for_any_bucket


@dataclass(frozen=True)
class PolicyKind:
    """Where the policy of one resource type is read.

    Attributes:
        service: boto3's name of the service.
        read: returns the policy as JSON, or None if there is none.
        permissions: what reading it needs.
        called_by_s3: whether S3 calls these resources, so that a statement for S3 must name the bucket's account.
    """

    service: str
    read: Callable[[Any, Mapping[str, Any]], str | None]
    permissions: tuple[str, ...]
    called_by_s3: bool = False


def _attribute(_: Any, resource: Mapping[str, Any]) -> str | None:
    """The attribute that c7n reads with the topic or queue."""
    return resource.get("Policy")


def _key(client: Any, resource: Mapping[str, Any]) -> str | None:
    return str(call(client.get_key_policy, KeyId=resource["KeyId"], PolicyName="default")["Policy"])


def _function(client: Any, resource: Mapping[str, Any]) -> str | None:
    answer = absent(client.get_policy, "ResourceNotFoundException", FunctionName=resource["FunctionName"])
    return answer["Policy"] if answer else None


def _repository(client: Any, resource: Mapping[str, Any]) -> str | None:
    answer = absent(
        client.get_repository_policy, "RepositoryPolicyNotFoundException", repositoryName=resource["repositoryName"])
    return answer["policyText"] if answer else None


def _secret(client: Any, resource: Mapping[str, Any]) -> str | None:
    return call(client.get_resource_policy, SecretId=resource["ARN"]).get("ResourcePolicy")


KINDS = {
    "sns": PolicyKind("sns", _attribute, ("sns:GetTopicAttributes",)),
    "sqs": PolicyKind("sqs", _attribute, ("sqs:GetQueueAttributes",)),
    "kms-key": PolicyKind("kms", _key, ("kms:GetKeyPolicy",)),
    "lambda": PolicyKind("lambda", _function, ("lambda:GetPolicy",), called_by_s3=True),
    "ecr": PolicyKind("ecr", _repository, ("ecr:GetRepositoryPolicy",)),
    "secrets-manager": PolicyKind("secretsmanager", _secret, ("secretsmanager:GetResourcePolicy",)),
}
"""By c7n's name of the resource type."""


class PublicPolicy(Filter):
    """Resources whose policy admits everyone.

    Works on `sns`, `sqs`, `kms-key`, `lambda`, `ecr` and `secrets-manager`. A statement that admits everyone counts
    unless a condition limits it to fixed accounts, organizations, networks or principals. Source addresses that cover
    more than `world-share` (default 1/256) of the internet are everyone. On `lambda`, a statement that admits Amazon S3
    without `aws:SourceAccount` counts too. The statements are kept on the resource as `c7n:PublicPolicy`. Deny
    statements, and the policies of a function's versions and aliases, are not looked at.

    Written because c7n's `cross-account` takes every condition on `aws:SourceIp` for a limit, even one on 0.0.0.0/0,
    and reports what is limited to an organization that is not in its list.

    :example:

    .. code-block:: yaml

        policies:
          - name: sns-topic-not-public
            resource: aws.sns
            filters:
              - public-policy
    """

    schema = type_schema("public-policy", **{
        "world-share": {"oneOf": [{"type": "number"}, {"type": "string"}]},
    })
    permissions: tuple[str, ...] = tuple(permission for kind in KINDS.values() for permission in kind.permissions)
    annotation_key = "c7n:PublicPolicy"

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions that it needs for the policy's resource type."""
        return KINDS[self.manager.type].permissions

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        kind = KINDS[self.manager.type]
        client = local_session(self.manager.session_factory).client(kind.service)
        share = share_of(self.data.get("world-share", "1/256"))
        found = []
        for resource in resources:
            document = kind.read(client, resource)
            open_ones = [f"{name}: admits everyone" for name in public_statements(document, share)]
            if kind.called_by_s3:
                any_bucket = statements_for_any_bucket(document)
                open_ones += [f"{name}: admits the buckets of every account" for name in any_bucket]
            if open_ones:
                resource[self.annotation_key] = open_ones
                found.append(resource)
        return found
