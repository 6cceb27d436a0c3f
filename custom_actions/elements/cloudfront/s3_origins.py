"""The filter `missing-s3-origin` on `aws.distribution`.

Source: Amazon S3's user guide, "Virtual hosting of buckets", for the domain names.
"""
from __future__ import annotations

import re
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ..s3 import bucket_exists

_REGION = r"[a-z]{2}(?:-[a-z]+)+-\d"
_BUCKET = re.compile(rf"(?P<bucket>.+)\.s3(?:[.-]{_REGION}|\.dualstack\.{_REGION})?\.amazonaws\.com(?:\.cn)?")


def bucket_of(domain: str) -> str:
    """The bucket that a domain name is of; empty if it is of none, or of an access point or a website."""
    found = _BUCKET.fullmatch(domain)
    return found["bucket"] if found else ""


class MissingS3Origin(Filter):
    """Distributions with a bucket as an origin that does not exist, in any account.

    The names of the buckets are stored as `c7n:MissingS3Origin`. A bucket of another account exists, also if it may not
    be read. Custom origins, websites of buckets and access points are not looked at. One call for each bucket.

    Written because c7n's `mismatch-s3-origin` also matches a bucket of another account, and counts the bucket of one
    origin for the next one if that is none of S3.

    :example:

    .. code-block:: yaml

        policies:
          - name: cloudfront-s3-origin-exists
            resource: aws.distribution
            filters:
              - missing-s3-origin
    """

    schema = type_schema("missing-s3-origin")
    permissions = ("s3:ListBucket",)
    annotation_key = "c7n:MissingS3Origin"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("s3", region_name=self.manager.config.region)
        known: dict[str, bool] = {}
        found = []
        for each in resources:
            origins = (each.get("Origins") or {}).get("Items") or ()
            buckets = {bucket_of(origin["DomainName"]) for origin in origins if "S3OriginConfig" in origin} - {""}
            for bucket in buckets - known.keys():
                known[bucket] = bucket_exists(client, bucket)
            if missing := sorted(bucket for bucket in buckets if not known[bucket]):
                each[self.annotation_key] = missing
                found.append(each)
        return found
