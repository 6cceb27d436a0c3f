"""The action `remove-public-statements`, on the resource types whose policy can be corrected without a lockout."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from c7n.utils import type_schema

from ...addresses import share_of
from ...aws import call
from ...errors import CannotRead
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, fix_by_plan, is_added, is_removed, only
from .elements import KINDS
from .permissions import plan_function
from .removal import PolicyCalls, plan_removal


@dataclass(frozen=True)
class Written:
    """How the policy of one resource type is read and written as a whole.

    Attributes:
        read: the policy now, as JSON; None if there is none.
        calls: the calls that write the policy of a resource.
        writes: the permissions for these calls.
    """

    read: Callable[[Any, Mapping[str, Any]], str | None]
    calls: Callable[[Mapping[str, Any]], PolicyCalls]
    writes: tuple[str, ...]


def _topic_policy(client: Any, topic: Mapping[str, Any]) -> str | None:
    found: str | None = call(client.get_topic_attributes, TopicArn=topic["TopicArn"])["Attributes"].get("Policy")
    return found


def _queue_policy(client: Any, queue: Mapping[str, Any]) -> str | None:
    answer = call(client.get_queue_attributes, QueueUrl=queue["QueueUrl"], AttributeNames=["Policy"])
    found: str | None = (answer.get("Attributes") or {}).get("Policy")
    return found


def _of_topic(topic: Mapping[str, Any]) -> PolicyCalls:
    arn = topic["TopicArn"]
    _, partition, _, _, account, _ = arn.split(":")
    return PolicyCalls(
        lambda text: Call("sns", "set_topic_attributes", {
            "TopicArn": arn, "AttributeName": "Policy", "AttributeValue": text}),
        # SNS does not remove the policy of a topic. For its own account, IAM policies decide with or without this.
        empty=json.dumps({"Version": "2012-10-17", "Statement": [{
            "Sid": "OwnAccount", "Effect": "Allow", "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
            "Action": "SNS:GetTopicAttributes", "Resource": arn}]}))


def _of_queue(queue: Mapping[str, Any]) -> PolicyCalls:
    return PolicyCalls(
        lambda text: Call("sqs", "set_queue_attributes", {
            "QueueUrl": queue["QueueUrl"], "Attributes": {"Policy": text}}))


def _of_repository(repository: Mapping[str, Any]) -> PolicyCalls:
    named = {"repositoryName": repository["repositoryName"]}
    return PolicyCalls(
        lambda text: Call("ecr", "set_repository_policy", {**named, "policyText": text}) if text
        else Call("ecr", "delete_repository_policy", named))


def _of_secret(secret: Mapping[str, Any]) -> PolicyCalls:
    named = {"SecretId": secret["Name"]}
    return PolicyCalls(
        lambda text: Call("secretsmanager", "put_resource_policy", {**named, "ResourcePolicy": text}) if text
        else Call("secretsmanager", "delete_resource_policy", named))


WRITTEN = {
    "sns": Written(_topic_policy, _of_topic, ("sns:SetTopicAttributes",)),
    "sqs": Written(_queue_policy, _of_queue, ("sqs:SetQueueAttributes",)),
    "ecr": Written(KINDS["ecr"].read, _of_repository, ("ecr:SetRepositoryPolicy", "ecr:DeleteRepositoryPolicy")),
    "secrets-manager": Written(KINDS["secrets-manager"].read, _of_secret, (
        "secretsmanager:PutResourcePolicy", "secretsmanager:DeleteResourcePolicy")),
}
"""By c7n's name of the resource type."""
_FUNCTION = ("lambda:AddPermission", "lambda:RemovePermission")


class RemovePublicStatements(Fix):
    """Remove the statements of a resource policy that admit everyone, and verify the result.

    Works on `sns`, `sqs`, `lambda`, `ecr` and `secrets-manager`. The statements are those that the filter
    `public-policy` finds, read again directly before the change:

    * A statement that admits everyone is removed. If it also names principals, it stays for them.
    * On `lambda`, a statement that admits Amazon S3 without `aws:SourceAccount` is replaced by one for the buckets of
      this account.

    All other statements stay, Deny statements among them. If a topic had no other statement, it gets one for its own
    account, because SNS keeps a policy for every topic. The account itself keeps its access: its IAM policies decide.

    The policies of a function's versions and aliases are not changed. A public function URL is closed.

    The receipt has the whole policy before, and the calls that restore it. AddPermission restores statements of
    functions as it has written them; if it cannot, the receipt says so.

    Written because c7n's `remove-statements` removes what its own filter `cross-account` has found earlier. It
    overwrites changes that others made since, writes no receipt, and only logs the errors of AWS.

    :example:

    .. code-block:: yaml

        policies:
          - name: sns-topic-public-close
            resource: aws.sns
            filters:
              - public-policy
            actions:
              - remove-public-statements
    """

    schema = type_schema("remove-public-statements", otherwise=OTHERWISE, **{
        "world-share": {"oneOf": [{"type": "number"}, {"type": "string"}]},
    })
    permissions: tuple[str, ...] = (
        *(permission for name, kind in KINDS.items() if name != "kms-key" for permission in kind.permissions),
        *(permission for written in WRITTEN.values() for permission in written.writes), *_FUNCTION)
    inverses = (
        Inverse("sns", "set_topic_attributes", "TopicArn", values={
            "AttributeName": "Policy", "AttributeValue": is_removed}, type="aws.sns"),
        Inverse("sqs", "set_queue_attributes", "QueueUrl", values={"Attributes": only(Policy=is_removed)},
                type="aws.sqs"),
        Inverse("ecr", "set_repository_policy", "repositoryName", values={"policyText": is_removed}, type="aws.ecr"),
        Inverse("secretsmanager", "put_resource_policy", "SecretId", values={"ResourcePolicy": is_removed},
                type="aws.secrets-manager"),
        Inverse("lambda", "add_permission", "FunctionName", values={
            "StatementId": is_removed, "Action": is_removed, "Principal": is_removed,
        }, optional=("SourceArn", "SourceAccount", "PrincipalOrgID", "FunctionUrlAuthType", "InvokedViaFunctionUrl"),
            type="aws.lambda"),
        Inverse("lambda", "remove_permission", "FunctionName", values={"StatementId": is_added},
                already=("ResourceNotFoundException",), type="aws.lambda"),
    )

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions that it needs for the policy's resource type."""
        kind = self.manager.type
        writes = WRITTEN[kind].writes if kind in WRITTEN else _FUNCTION
        return (*KINDS[kind].permissions, *writes, *self.told_permissions())

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Remove the public statements of one resource."""
        kind = self.manager.type
        client = session.client(KINDS[kind].service)
        yield fix_by_plan(lambda service: client, partial(self._plan, client, resource))

    def _plan(self, client: Any, resource: Mapping[str, Any]) -> FixPlan:
        kind, share = self.manager.type, share_of(self.data.get("world-share", "1/256"))
        read = WRITTEN[kind].read if kind in WRITTEN else KINDS[kind].read
        document = read(client, resource)
        try:
            if kind in WRITTEN:
                return plan_removal(document, share, WRITTEN[kind].calls(resource))
            return plan_function(resource["FunctionName"], document, share, str(self.manager.config.account_id))
        except ValueError as error:
            raise CannotRead(f"the policy is not JSON: {error}") from error
