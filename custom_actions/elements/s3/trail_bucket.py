"""The filters `public-log-bucket` and `no-access-log` on `aws.cloudtrail`: the bucket that a trail delivers to."""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import AWS_ERRORS, call, code_of, reason_of
from ...errors import CannotRead
from .elements import Bucket, PublicAccess
from .read import region_of


class TrailBucketFilter(Filter):
    """A filter that looks at the bucket of each trail. Each bucket is read once.

    A bucket that does not exist any more matches: whoever creates it in their account may get the logs. Raises
    CannotRead for a bucket that cannot be read, or belongs to another account: its trail is unknown.
    """

    annotation_key: str

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        """The trails with something wrong in their bucket, which is kept on them in words."""
        session = local_session(self.manager.session_factory)
        found: dict[str, list[str]] = {}
        matched = []
        for trail in resources:
            name = trail["S3BucketName"]
            if name not in found:
                found[name] = self._problems(session, name)
            if found[name]:
                trail[self.annotation_key] = found[name]
                matched.append(trail)
        return matched

    def _problems(self, session: Any, name: str) -> list[str]:
        # Only the owner's own settings tell: the account's public access block, for example, is the owner's.
        owned = {"Bucket": name, "ExpectedBucketOwner": str(self.manager.config.account_id)}
        try:
            region = region_of(session.client("s3"), owned)
            bucket = {"Name": name, "Location": {"LocationConstraint": region}}
            return self.problems(session, session.client("s3", region_name=region), bucket)
        except AWS_ERRORS as error:
            if code_of(error) == "NoSuchBucket":
                return [f"the bucket {name} does not exist"]
            raise CannotRead(
                f"the bucket {name} cannot be read, or belongs to another account: {reason_of(error)}") from error

    def problems(self, session: Any, client: Any, bucket: Bucket) -> list[str]:
        """What is wrong with the bucket of this account, in words. `client` is of its region. Raises AWS_ERRORS."""
        raise NotImplementedError


class PublicLogBucket(TrailBucketFilter):
    """Trails whose bucket has public read or write access, through its ACL or its policy.

    It decides as `public-access` on `aws.s3`, with the public access blocks of the bucket and the account. What makes
    the bucket public is kept on the trail as `c7n:PublicLogBucket`. A trail whose bucket does not exist matches too. A
    trail whose bucket cannot be read, or belongs to another account, is unknown.

    Written because c7n has no filter that looks at the bucket of a trail.

    :example:

    .. code-block:: yaml

        policies:
          - name: cloudtrail-bucket-not-public
            resource: aws.cloudtrail
            filters:
              - public-log-bucket
    """

    schema = type_schema("public-log-bucket")
    permissions = ("s3:GetBucketLocation", *PublicAccess.permissions)
    annotation_key = "c7n:PublicLogBucket"

    def problems(self, session: Any, client: Any, bucket: Bucket) -> list[str]:
        found = PublicAccess({"type": "public-access"}, self.manager).finder(session)(client, bucket)
        return [f"the bucket {bucket['Name']}: {each}" for each in found]


class NoAccessLog(TrailBucketFilter):
    """Trails whose bucket has no server access logging.

    The bucket is kept on the trail as `c7n:NoAccessLog`. A trail whose bucket does not exist matches too. A trail whose
    bucket cannot be read, or belongs to another account, is unknown.

    Written because c7n has no filter that looks at the bucket of a trail.

    :example:

    .. code-block:: yaml

        policies:
          - name: cloudtrail-bucket-access-logged
            resource: aws.cloudtrail
            filters:
              - no-access-log
    """

    schema = type_schema("no-access-log")
    permissions = ("s3:GetBucketLocation", "s3:GetBucketLogging")
    annotation_key = "c7n:NoAccessLog"

    def problems(self, session: Any, client: Any, bucket: Bucket) -> list[str]:
        logging = call(client.get_bucket_logging, Bucket=bucket["Name"]).get("LoggingEnabled") or {}
        return [] if logging.get("TargetBucket") else [f"the bucket {bucket['Name']} has no server access logging"]
