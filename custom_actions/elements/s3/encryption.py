"""What a bucket's default encryption falls short of.

Source: S3's GetBucketEncryption. KMSMasterKeyID is a key's id or ARN, or an alias or its ARN; where it is left out,
the key is the one that AWS manages for S3.
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
    """What is wrong, in words; empty when nothing is.

    Args:
        configuration: the ServerSideEncryptionConfiguration; empty when the bucket has none.
        algorithms: those that will do; empty for any.
        keys: ARNs of KMS keys that will do; empty for any. Asked of KMS encryption only.
        arn_of: the ARN of a key that is named otherwise; empty when there is none.
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
    return "no default encryption"
