"""The filters `no-notifications` and `no-object-lock` on `aws.s3`.

Source: S3's GetBucketNotificationConfiguration and GetObjectLockConfiguration; Security Hub's user guide, the controls
S3.11 and S3.15.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from c7n.utils import type_schema

from ...aws import absent, call
from .elements import Bucket, BucketFilter

_RECEIVERS = ("TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations")
_EVENTBRIDGE = "EventBridgeConfiguration"
"""An empty structure where the events go to EventBridge, and not there otherwise."""


class NoNotifications(BucketFilter):
    """Buckets that send no event notifications. The reason is kept on the bucket as `c7n:NoNotifications`.

    Notifications to a topic, a queue, a function or EventBridge count, whatever events they are about.

    Why not c7n's `bucket-notification`: it does not know EventBridge, and treats a configuration that c7n may not read
    as missing.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-notifications
            resource: aws.s3
            filters:
              - no-notifications
    """

    schema = type_schema("no-notifications")
    permissions = ("s3:GetBucketNotification",)
    annotation_key = "c7n:NoNotifications"

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        def find(client: Any, bucket: Bucket) -> list[str]:
            found = call(client.get_bucket_notification_configuration, Bucket=bucket["Name"])
            if _EVENTBRIDGE in found or any(found.get(each) for each in _RECEIVERS):
                return []
            return ["no event notifications"]

        return find


class NoObjectLock(BucketFilter):
    """Buckets without Object Lock. The reason is kept on the bucket as `c7n:NoObjectLock`.

    A default retention is not asked for: without one, each object can still be locked.

    Why not c7n's `lock-configuration`: it treats a configuration that c7n may not read as missing.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-object-lock
            resource: aws.s3
            filters:
              - no-object-lock
    """

    schema = type_schema("no-object-lock")
    permissions = ("s3:GetBucketObjectLockConfiguration",)
    annotation_key = "c7n:NoObjectLock"

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        def find(client: Any, bucket: Bucket) -> list[str]:
            found = absent(
                client.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError", Bucket=bucket["Name"])
            enabled = (found or {}).get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"
            return [] if enabled else ["no Object Lock"]

        return find
