"""The partition of a region, and the region that reports what belongs to the whole account."""
from __future__ import annotations

from collections.abc import Sequence
from functools import cache


@cache
def partition_of(region: str) -> str:
    """`aws`, `aws-cn`, `aws-us-gov` ...; `aws` for an unknown region, and without one."""
    from c7n.utils import get_partition

    return str(get_partition(region) or "aws")


def account_region(regions: Sequence[str]) -> str:
    """The region in which resources of the whole account are evaluated, in the partition of `regions`."""
    first = regions[0] if regions else ""
    if first.startswith("us-gov-"):
        return "us-gov-west-1"
    return "cn-north-1" if first.startswith("cn-") else "us-east-1"
