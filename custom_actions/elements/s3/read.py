"""Reads settings of S3 that may be absent: S3 answers with an error then."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ...aws import call, code_of


def absent(operation: Callable[..., Any], code: str, **parameters: Any) -> Any:
    """The response, or None if AWS returns the error `code`. Raises ClientError for any other error."""
    try:
        return call(operation, **parameters)
    except ClientError as error:
        if code_of(error) == code:
            return None
        raise


def block_of(operation: Callable[..., Any], **parameters: Any) -> Mapping[str, Any]:
    """The public access block of a bucket or an account; empty if it has none. Raises ClientError."""
    answer = absent(operation, "NoSuchPublicAccessBlockConfiguration", **parameters)
    return answer["PublicAccessBlockConfiguration"] if answer else {}


def policy_of(client: Any, name: str) -> str | None:
    """The policy of the bucket `name`; None if it has none. Raises ClientError."""
    answer = absent(client.get_bucket_policy, "NoSuchBucketPolicy", Bucket=name)
    return answer["Policy"] if answer else None
