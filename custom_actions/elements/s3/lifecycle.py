"""The filter `no-lifecycle` on `aws.s3`.

Source: S3's GetBucketLifecycleConfiguration; Security Hub's user guide, the control S3.13.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from c7n.utils import type_schema

from ...aws import absent
from .elements import Bucket, BucketFilter


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
            answer = absent(
                client.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration", Bucket=bucket["Name"])
            rules = answer.get("Rules", []) if answer else []
            if any(rule.get("Status") == "Enabled" for rule in rules):
                return []
            return [f"{len(rules)} lifecycle rules, none of them enabled"]

        return find
