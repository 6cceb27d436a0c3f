"""Why a bucket's default encryption does not meet the requirements.

Source: S3's GetBucketEncryption. KMSMasterKeyID is a key's id or ARN, or an alias or its ARN. If it is missing, the key
is the AWS managed key for S3.
"""
from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

KMS = ("aws:kms", "aws:kms:dsse")
AWS_KEY = "alias/aws/s3"


def shortfall(
    configuration: Mapping[str, Any], algorithms: Collection[str], keys: Collection[str],
    arn_of: Callable[[str], str],
) -> str:
    """What is wrong, in words; empty if nothing is.

    Args:
        configuration: the ServerSideEncryptionConfiguration; empty if the bucket has none.
        algorithms: the allowed ones; empty for any.
        keys: ARNs of the allowed KMS keys; empty for any. Applies to KMS encryption only.
        arn_of: returns the ARN of a key for its id or alias; empty if there is no such key.
    """
    for rule in configuration.get("Rules") or ():
        default = rule.get("ApplyServerSideEncryptionByDefault")
        if not default:
            continue
        algorithm, key = default["SSEAlgorithm"], default.get("KMSMasterKeyID") or AWS_KEY
        if algorithms and algorithm not in algorithms:
            return f"encrypts with {algorithm}, not with {' or '.join(algorithms)}"
        if algorithm in KMS and keys and key not in keys:
            arn = key if ":key/" in key else arn_of(key)
            if arn not in keys:
                return f"encrypts with the key {key}"
        return ""
    return "has no default encryption"
