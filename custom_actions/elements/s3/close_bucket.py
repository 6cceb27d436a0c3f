"""The action `close-bucket`: strangers no longer reach a bucket, through its ACL or its policy.

Source: S3's user guide, "Blocking public access to your Amazon S3 storage"; PutPublicAccessBlock, PutBucketAcl.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError
from c7n.resources.s3 import get_region
from c7n.utils import type_schema

from ...aws import call, code_of
from ...fixing import OTHERWISE, Call, EventFix, FixPlan, FixResult, Inverse, Step, again, fix_by_plan
from .public import acl_openings

BLOCK = {
    "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True,
}


def plan_bucket(bucket: str, block: Mapping[str, Any] | None, acl: Mapping[str, Any]) -> FixPlan:
    """Take the grants to strangers out of the ACL, and block public access.

    Args:
        block: the bucket's public access block; None when it has none.
        acl: as GetBucketAcl gives it.
    """
    name = {"Bucket": bucket}
    steps = []
    strangers = [grant for grant in acl["Grants"] if acl_openings([grant])]
    if strangers:
        def put(grants: list[Any]) -> Call:
            return Call("s3", "put_bucket_acl", {
                **name, "AccessControlPolicy": {"Owner": acl["Owner"], "Grants": grants}})

        # Before the block, so that the way back, which is taken from the end, finds no block that refuses it.
        steps.append(Step(
            "take strangers out of the ACL", put([grant for grant in acl["Grants"] if grant not in strangers]),
            put(list(acl["Grants"])), removed={"Grants": strangers},
        ))
    if block != BLOCK:
        before = Call("s3", "put_public_access_block", {**name, "PublicAccessBlockConfiguration": dict(block)}) \
            if block else Call("s3", "delete_public_access_block", name)
        steps.append(Step(
            "block public access", Call("s3", "put_public_access_block", {
                **name, "PublicAccessBlockConfiguration": BLOCK}),
            before, removed={"PublicAccessBlock": dict(block or {})}, added={"PublicAccessBlock": BLOCK},
        ))
    return FixPlan(steps)


class CloseBucket(EventFix):
    """Close a bucket to strangers, and prove it.

    The grants to everyone, and to everyone with an AWS account, go from the ACL; other grants stay. Then all four
    settings of the bucket's public access block are set. A public policy stays as it is, for its other statements
    may be in use: the block lets only the account itself and AWS's services in through it, until a person has put
    it right. Each bucket ends in a receipt with what was there, who did it, and the calls that take it back.

    Written because c7n's `set-public-block` and `delete-global-grants` prove nothing, leave no receipt, and know
    nothing of each other: the way back from both has an order.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-public-close
            resource: aws.s3
            mode:
              type: cloudtrail
              role: arn:aws:iam::{account_id}:role/guardrails
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
    )

    def undoes_the_event(self) -> bool:
        """What is public is closed, whatever became of the event."""
        return False

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Close the bucket."""
        bucket = resource["Name"]
        client = session.client("s3", region_name=get_region(resource))
        yield fix_by_plan(
            lambda service: client,
            lambda: plan_bucket(bucket, _block(client, bucket), call(client.get_bucket_acl, Bucket=bucket)))


def _block(client: Any, bucket: str) -> Mapping[str, Any] | None:
    try:
        return dict(call(client.get_public_access_block, Bucket=bucket)["PublicAccessBlockConfiguration"])
    except ClientError as error:
        if code_of(error) == "NoSuchPublicAccessBlockConfiguration":
            return None
        raise
