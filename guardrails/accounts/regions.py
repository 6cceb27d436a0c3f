"""Which region reports what belongs to the whole account."""
from __future__ import annotations

from collections.abc import Sequence


def partition_of(regions: Sequence[str]) -> str:
    """The partition of an account with these regions: aws, aws-us-gov or aws-cn."""
    first = regions[0] if regions else ""
    return "aws-us-gov" if first.startswith("us-gov-") else "aws-cn" if first.startswith("cn-") else "aws"


def account_region(regions: Sequence[str]) -> str:
    """The region in which resources of the whole account are evaluated, in the partition of `regions`."""
    first = regions[0] if regions else ""
    if first.startswith("us-gov-"):
        return "us-gov-west-1"
    return "cn-north-1" if first.startswith("cn-") else "us-east-1"
