"""Which of the required properties a trail lacks.

Source: CloudTrail's DescribeTrails, GetTrailStatus and GetEventSelectors.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from .selectors import LAMBDA, MANAGEMENT, READ, S3, WRITE, recorded


@dataclass(frozen=True)
class Traits:
    """The required properties of a trail. Logging, and delivery without an error, are always required.

    Attributes:
        bucket: the bucket to which it delivers, a pattern with * and ?.
        encrypted: whether its logs are encrypted with a KMS key.
        kms_key: the ARN of that key, a pattern; ignored without `encrypted`.
        multi_region: whether it records every region.
        global_events: whether it records global services.
        validated: whether it has log file validation.
        management_events: whether it records all management events.
        s3_data_events: whether it records the data events of all buckets, read and write.
        s3_write_events: whether it records those that write.
        s3_read_events: whether it records those that read.
        lambda_data_events: whether it records the invocations of all functions.
    """

    bucket: str = "*"
    encrypted: bool = False
    kms_key: str = "*"
    multi_region: bool = False
    global_events: bool = False
    validated: bool = False
    management_events: bool = False
    s3_data_events: bool = False
    s3_write_events: bool = False
    s3_read_events: bool = False
    lambda_data_events: bool = False

    @property
    def selected(self) -> list[tuple[str, str, frozenset[str]]]:
        """The required kinds of events, each with its name in words, and which of them: `read`, `write` or both."""
        kinds = (
            (MANAGEMENT, "management events", self.management_events, self.management_events),
            (S3, "data events of all buckets", self.s3_data_events or self.s3_read_events,
             self.s3_data_events or self.s3_write_events),
            (LAMBDA, "invocations of all functions", self.lambda_data_events, self.lambda_data_events),
        )
        return [
            (kind, words, frozenset({READ} if read else ()) | frozenset({WRITE} if write else ()))
            for kind, words, read, write in kinds if read or write]


def lacking_settings(trail: Mapping[str, Any], wanted: Traits) -> list[str]:
    """What the settings of a trail, from DescribeTrails, lack, in words."""
    lacking = []
    if not fnmatchcase(trail.get("S3BucketName") or "", wanted.bucket):
        lacking.append(f"delivers to the bucket {trail.get('S3BucketName')}")
    key = trail.get("KmsKeyId")
    if wanted.encrypted and not key:
        lacking.append("is not encrypted with a KMS key")
    elif wanted.encrypted and not fnmatchcase(str(key), wanted.kms_key):
        lacking.append(f"is encrypted with the key {key}")
    for asked, setting, words in (
        (wanted.multi_region, "IsMultiRegionTrail", "records one region only"),
        (wanted.global_events, "IncludeGlobalServiceEvents", "does not record global services"),
        (wanted.validated, "LogFileValidationEnabled", "has no log file validation"),
    ):
        if asked and trail.get(setting) is not True:
            lacking.append(words)
    return lacking


def lacking_status(status: Mapping[str, Any]) -> list[str]:
    """What is wrong with the status of a trail, from GetTrailStatus."""
    lacking = [] if status.get("IsLogging") else ["does not log"]
    if error := status.get("LatestDeliveryError"):
        lacking.append(f"could not deliver: {error}")
    return lacking


def lacking_events(selectors: Mapping[str, Any], wanted: Traits) -> list[str]:
    """The required events that a trail does not record completely, from GetEventSelectors."""
    lacking = []
    for kind, words, access in wanted.selected:
        missing = access - recorded(selectors, kind)
        if missing:
            which = "" if len(missing) == 2 else f" ({', '.join(missing)})"
            lacking.append(f"does not record {words}{which}")
    return lacking
