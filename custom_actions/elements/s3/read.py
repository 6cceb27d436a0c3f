"""Reads settings of S3 that may be absent: S3 answers with an error then."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...aws import absent, call, code_of

_EXISTS = ("301", "403")
_MISSING = ("404", "NoSuchBucket")


def block_of(operation: Callable[..., Any], **parameters: Any) -> Mapping[str, Any]:
    """The public access block of a bucket or an account; empty if it has none. Raises ClientError."""
    answer = absent(operation, "NoSuchPublicAccessBlockConfiguration", **parameters)
    return answer["PublicAccessBlockConfiguration"] if answer else {}


def known_policy(client: Any, bucket: Mapping[str, Any]) -> str | None:
    """The policy of a bucket of c7n, which is read if c7n has not read it; None if it has none. Raises ClientError."""
    return bucket["Policy"] if "Policy" in bucket else policy_of(client, bucket["Name"])


def policy_of(client: Any, name: str) -> str | None:
    """The policy of the bucket `name`; None if it has none. Raises ClientError."""
    answer = absent(client.get_bucket_policy, "NoSuchBucketPolicy", Bucket=name)
    return answer["Policy"] if answer else None


def region_of(client: Any, owned: Mapping[str, str]) -> str:
    """The region of a bucket. `owned`: `Bucket` and `ExpectedBucketOwner`. Raises one of AWS_ERRORS."""
    found = call(client.get_bucket_location, **owned).get("LocationConstraint")
    return {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(found) or str(found)


def bucket_exists(client: Any, bucket: str) -> bool:
    """Whether the bucket exists, in any account. Raises ClientError if S3 does not tell.

    Source: S3's HeadBucket, which answers 404 for a bucket that does not exist, 403 for one that the caller may not
    read, and 301 for one of another region.
    """
    try:
        call(client.head_bucket, Bucket=bucket)
    except client.exceptions.ClientError as error:
        if code_of(error) in _MISSING:
            return False
        if code_of(error) not in _EXISTS:
            raise
    return True
