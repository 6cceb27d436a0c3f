"""The filter `no-lifecycle` and the action `abort-incomplete-uploads` on `aws.s3`.

Source: S3's GetBucketLifecycleConfiguration, PutBucketLifecycleConfiguration and DeleteBucketLifecycle; Security Hub's
user guide, the control S3.13.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from c7n.resources.s3 import get_region
from c7n.utils import type_schema

from ...aws import absent
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, fix_by_plan
from .elements import Bucket, BucketFilter

RULE = "guardrails-abort-incomplete-uploads"
_SIZE = "TransitionDefaultMinimumObjectSize"


def lifecycle_of(client: Any, bucket: str) -> dict[str, Any]:
    """The parameters that set the lifecycle of a bucket as it is; empty if it has none. Raises ClientError."""
    answer = absent(client.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration", Bucket=bucket)
    if not answer or not answer.get("Rules"):
        return {}
    return {"LifecycleConfiguration": {"Rules": answer["Rules"]}, **({_SIZE: answer[_SIZE]} if _SIZE in answer else {})}


def plan_lifecycle(bucket: str, now: Mapping[str, Any], days: int) -> FixPlan:
    """Add the rule where no rule is enabled. `now`: what `lifecycle_of` returns."""
    rules = list(now["LifecycleConfiguration"]["Rules"]) if now else []
    if any(rule.get("Status") == "Enabled" for rule in rules):
        return FixPlan()
    wanted = {"ID": RULE, "Status": "Enabled", "Filter": {"Prefix": ""},
              "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days}}
    kept = [rule for rule in rules if rule.get("ID") != RULE]
    name = {"Bucket": bucket}
    undo = Call("s3", "put_bucket_lifecycle_configuration", {**name, **now}) if now \
        else Call("s3", "delete_bucket_lifecycle", name)
    return FixPlan([Step(
        f"abort uploads that are not complete after {days} days", Call("s3", "put_bucket_lifecycle_configuration", {
            **name, **now, "LifecycleConfiguration": {"Rules": [*kept, wanted]}}),
        undo, removed={"Rules": rules} if rules else {}, added={"Rules": [*kept, wanted]}, overwrites=True)])


class AbortIncompleteUploads(Fix):
    """Give a bucket without an enabled lifecycle rule one that aborts incomplete uploads, and verify the result.

    The rule aborts multipart uploads that are not complete `days` after they began. It deletes no object, and other
    rules stay as they are.

    Why not c7n's `configure-lifecycle`: it writes the rules that c7n read before, and forgets the smallest size of
    objects that change their class.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-lifecycle-add
            resource: aws.s3
            filters:
              - no-lifecycle
            actions:
              - type: abort-incomplete-uploads
                days: 7
    """

    schema = type_schema(
        "abort-incomplete-uploads", required=["days"], otherwise=OTHERWISE,
        days={"oneOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]})
    inverses = (
        Inverse("s3", "put_bucket_lifecycle_configuration", "Bucket", optional=("LifecycleConfiguration", _SIZE)),
        Inverse("s3", "delete_bucket_lifecycle", "Bucket"),
    )
    permissions: tuple[str, ...] = ("s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Add the rule to one bucket."""
        bucket = resource["Name"]
        client = session.client("s3", region_name=get_region(resource))
        yield fix_by_plan(lambda service: client, lambda: plan_lifecycle(
            bucket, lifecycle_of(client, bucket), int(self.data["days"])))


class NoLifecycle(BucketFilter):
    """Buckets without a lifecycle rule that is enabled. The reason is kept on the bucket as `c7n:NoLifecycle`.

    Why not `Lifecycle: absent`: it treats a configuration that c7n may not read as missing, and one whose rules are all
    disabled as there.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-lifecycle
            resource: aws.s3
            filters:
              - no-lifecycle
    """

    schema = type_schema("no-lifecycle")
    permissions = ("s3:GetLifecycleConfiguration",)
    annotation_key = "c7n:NoLifecycle"

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        def find(client: Any, bucket: Bucket) -> list[str]:
            found = lifecycle_of(client, bucket["Name"])
            rules = found["LifecycleConfiguration"]["Rules"] if found else []
            if any(rule.get("Status") == "Enabled" for rule in rules):
                return []
            return [f"{len(rules)} lifecycle rules, none of them enabled"]

        return find
