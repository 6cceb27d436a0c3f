"""Settings of buckets.

Source: S3's PutBucketVersioning and GetBucketVersioning. A bucket that never had versioning cannot become one again:
S3 only suspends it.
"""
from __future__ import annotations

from ....fixing import Form, SettingsCall, shown_by

BUCKET_VERSIONING = SettingsCall(
    "s3", "put_bucket_versioning", ("Bucket",), {"Status": "not_null(Status, `Suspended`)"},
    shown_by("get_bucket_versioning", Bucket="Bucket"),
    reads=("s3:GetBucketVersioning",), writes=("s3:PutBucketVersioning",), form=Form(within="VersioningConfiguration"),
    note="a rollback suspends versioning: versions that exist by then stay")
