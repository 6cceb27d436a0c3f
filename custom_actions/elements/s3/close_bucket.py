"""The action `close-bucket`: removes public access to a bucket through its ACL or its policy.

Source: S3's user guide, "Blocking public access to your Amazon S3 storage"; PutPublicAccessBlock, PutBucketAcl.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from c7n.resources.s3 import get_region
from c7n.utils import type_schema

from ...aws import absent, call
from ...fixing import OTHERWISE, Call, EventFix, FixPlan, FixResult, Inverse, Step, again, fix_by_plan
from .public import Opening, acl_openings, address_openings
from .read import block_of, policy_of

BLOCK = {
    "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True,
}


def plan_bucket(
    bucket: str, block: Mapping[str, Any], acl: Mapping[str, Any], stays: Sequence[Opening] = ()
) -> FixPlan:
    """The plan that removes public grants from the ACL and blocks public access.

    Args:
        block: the bucket's public access block; empty if it has none.
        acl: as GetBucketAcl returns it.
        stays: openings that a public access block does not close.
    """
    name = {"Bucket": bucket}
    steps = []
    public = [grant for grant in acl["Grants"] if acl_openings([grant])]
    if public:
        def put(grants: list[Any]) -> Call:
            return Call("s3", "put_bucket_acl", {
                **name, "AccessControlPolicy": {"Owner": acl["Owner"], "Grants": grants}})

        # Before the block: undoing runs in reverse order, so the block is off again when the grants are restored.
        steps.append(Step(
            "remove public grants from the ACL", put([grant for grant in acl["Grants"] if grant not in public]),
            put(list(acl["Grants"])), removed={"Grants": public}, overwrites=True,
        ))
    if block != BLOCK:
        before = Call("s3", "put_public_access_block", {**name, "PublicAccessBlockConfiguration": dict(block)}) \
            if block else Call("s3", "delete_public_access_block", name)
        steps.append(Step(
            "block public access", Call("s3", "put_public_access_block", {
                **name, "PublicAccessBlockConfiguration": BLOCK}),
            before, removed={"PublicAccessBlock": dict(block or {})}, added={"PublicAccessBlock": BLOCK},
            overwrites=True,
        ))
    cannot = "; ".join(opening.description for opening in stays)
    return FixPlan(steps, cannot=f"the public access block does not close this, correct the bucket policy: {cannot}"
                   if cannot else "")


class CloseBucket(EventFix):
    """Remove public access to a bucket, and verify the result.

    The grants to everyone, and to all AWS accounts, are removed from the ACL; other grants stay. Then all four settings
    of the bucket's public access block are turned on. A public bucket policy stays, because its other statements may be
    in use. Because of the block it admits only the account itself and AWS services, until a person corrects it.

    S3 does not call a policy public that admits most of the internet in many small blocks of addresses, and the public
    access block does not close it. The receipt names such statements, and the fix is not complete.

    Each bucket gets a receipt with its earlier state, who changed it, and the calls that undo the fix.

    Why not c7n's `set-public-block` and `delete-global-grants`: they do not verify the result, write no receipt, and
    are separate actions, although undoing both must happen in a certain order.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-public-close
            resource: aws.s3
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: s3.amazonaws.com
                  event: DeleteBucketPublicAccessBlock
                  ids: requestParameters.bucketName
            filters:
              - public-access
            actions:
              - close-bucket
    """

    schema = type_schema("close-bucket", otherwise=OTHERWISE)
    inverses = (
        Inverse("s3", "put_bucket_acl", "Bucket", optional=("AccessControlPolicy",)),
        Inverse("s3", "put_public_access_block", "Bucket",
                optional=("PublicAccessBlockConfiguration",),
                redo=again("put_public_access_block", PublicAccessBlockConfiguration=BLOCK)),
        Inverse("s3", "delete_public_access_block", "Bucket", already=("NoSuchPublicAccessBlockConfiguration",),
                redo=again("put_public_access_block", PublicAccessBlockConfiguration=BLOCK)),
    )
    permissions: tuple[str, ...] = (
        "s3:GetBucketAcl", "s3:PutBucketAcl", "s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock",
        "s3:GetBucketPolicy", "s3:GetBucketPolicyStatus",
    )

    def undoes_the_event(self) -> bool:
        """Whether the fix undoes the event. A public bucket is closed regardless of the event."""
        return False

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Close the bucket."""
        bucket = resource["Name"]
        client = session.client("s3", region_name=get_region(resource))
        yield fix_by_plan(
            lambda service: client,
            lambda: plan_bucket(
                bucket, block_of(client.get_public_access_block, Bucket=bucket),
                call(client.get_bucket_acl, Bucket=bucket), _addresses(client, bucket)))


def _addresses(client: Any, bucket: str) -> list[Opening]:
    """The openings that a public access block does not close: S3 calls the policy private."""
    status = absent(client.get_bucket_policy_status, "NoSuchBucketPolicy", Bucket=bucket)
    if not status or status["PolicyStatus"]["IsPublic"]:
        return []
    return address_openings(policy_of(client, bucket))
