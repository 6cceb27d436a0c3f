"""ARNs of ministack's services in GovCloud and China.

ministack writes `arn:aws:` in every region. All ARNs that a region's services know are of its partition, so the
gateway replaces the partition in both directions. What ministack only passes on (an event, the input of a function)
stays as it is.
"""
from __future__ import annotations

from functools import cache

from botocore.exceptions import UnknownRegionError
from botocore.session import get_session

_PASSED_ON = ("AWSEvents.PutEvents",)


@cache
def partition_of(region: str) -> str:
    """The partition of a region: aws, aws-us-gov, aws-cn, …; `aws` for a region that botocore does not know."""
    try:
        return str(get_session().get_partition_for_region(region))
    except UnknownRegionError:
        return "aws"


def passed_on(path: str, target: str) -> bool:
    """Whether ministack only passes a request's content on: events, and calls of functions."""
    return target in _PASSED_ON or path.endswith("/invocations")


def to_ministack(text: bytes, region: str) -> bytes:
    """A request as ministack stores it."""
    partition = partition_of(region)
    return text if partition == "aws" else _replaced(text, partition, "aws")


def from_ministack(text: bytes, region: str) -> bytes:
    """A response as the region's services would give it."""
    partition = partition_of(region)
    return text if partition == "aws" else _replaced(text, "aws", partition)


def in_region(arn: str, region: str) -> str:
    """An ARN of no region (of IAM, STS) in the partition of a region."""
    return from_ministack(arn.encode(), region).decode()


def _replaced(text: bytes, old: str, new: str) -> bytes:
    for mark in (":", "%3A", "%3a"):
        text = text.replace(f"arn{mark}{old}{mark}".encode(), f"arn{mark}{new}{mark}".encode())
    return text
