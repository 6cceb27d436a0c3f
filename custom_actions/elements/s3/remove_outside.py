"""The actions `remove-outside-actions` and `remove-acl-grants` on `aws.s3`.

Source: S3's GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy, GetBucketAcl and PutBucketAcl.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from c7n.resources.s3 import get_region
from c7n.utils import type_schema

from ...aws import call
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, fix_by_plan
from .outside import foreign_grant, outside_actions, without_outside_actions
from .read import policy_of


def plan_policy(bucket: str, policy: str | None, actions: Sequence[str], own: str) -> FixPlan:
    """Take the actions out of the statements that allow them to other accounts."""
    found = outside_actions(policy, actions, own)
    if not policy or not found:
        return FixPlan()
    name, left = {"Bucket": bucket}, without_outside_actions(policy, actions, own)
    change = Call("s3", "put_bucket_policy", {**name, "Policy": left}) if left \
        else Call("s3", "delete_bucket_policy", name)
    return FixPlan([Step(
        f"remove from the bucket policy: {'; '.join(found)}", change,
        Call("s3", "put_bucket_policy", {**name, "Policy": policy}), removed={"Policy": policy},
        added={"Policy": left} if left else {}, overwrites=True)])


def plan_acl(bucket: str, acl: dict[str, Any]) -> FixPlan:
    """Leave the grants to the owner and to S3's log delivery in the ACL."""
    foreign = [grant for grant in acl["Grants"] if foreign_grant(acl, grant)]
    if not foreign:
        return FixPlan()

    def put(grants: list[Any]) -> Call:
        return Call("s3", "put_bucket_acl", {
            "Bucket": bucket, "AccessControlPolicy": {"Owner": acl["Owner"], "Grants": grants}})

    return FixPlan([Step(
        "remove grants from the ACL", put([grant for grant in acl["Grants"] if grant not in foreign]),
        put(list(acl["Grants"])), removed={"Grants": foreign}, overwrites=True)])


class RemoveOutsideActions(Fix):
    """Take `actions` out of the statements of a bucket policy that allow them to other accounts, and verify the result.

    A statement counts as in the filter `outside-actions`. The actions that it names go, and the others stay. A
    statement that allows them by a wildcard, or with NotAction or NotPrincipal, goes as a whole. So does the bucket
    policy if no statement is left.

    Why not c7n's `set-statements` or `remove-statements`: they remove statements by their Sid or as a whole, also those
    that mostly allow something else.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-outside-actions-remove
            resource: aws.s3
            filters:
              - type: outside-actions
                actions: ["s3:PutBucketPolicy"]
            actions:
              - type: remove-outside-actions
                actions: ["s3:PutBucketPolicy"]
    """

    schema = type_schema(
        "remove-outside-actions", required=["actions"], otherwise=OTHERWISE,
        actions={"type": "array", "items": {"type": "string"}, "minItems": 1})
    inverses = (Inverse("s3", "put_bucket_policy", "Bucket", optional=("Policy",)),)
    permissions: tuple[str, ...] = ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Change the policy of one bucket."""
        bucket, own = resource["Name"], self.manager.config.account_id
        client = session.client("s3", region_name=get_region(resource))
        yield fix_by_plan(lambda service: client, lambda: plan_policy(
            bucket, policy_of(client, bucket), self.data["actions"], own))


class RemoveAclGrants(Fix):
    """Remove the grants of a bucket's ACL to anybody but the owner and S3's log delivery, and verify the result.

    Why not c7n's `delete-global-grants`: it removes grants to everyone only, not those to other users.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-acl-grants-remove
            resource: aws.s3
            filters:
              - acl-grants
            actions:
              - remove-acl-grants
    """

    schema = type_schema("remove-acl-grants", otherwise=OTHERWISE)
    inverses = (Inverse("s3", "put_bucket_acl", "Bucket", optional=("AccessControlPolicy",)),)
    permissions: tuple[str, ...] = ("s3:GetBucketAcl", "s3:PutBucketAcl")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Change the ACL of one bucket."""
        bucket = resource["Name"]
        client = session.client("s3", region_name=get_region(resource))
        yield fix_by_plan(
            lambda service: client, lambda: plan_acl(bucket, call(client.get_bucket_acl, Bucket=bucket)))
