"""What moto has stored in S3, read without a request."""
from __future__ import annotations

from typing import Any

from moto.s3.models import s3_backends


def bucket(account: str, name: str) -> Any:
    """The account's bucket as moto has it, in whichever partition; None if there is none."""
    partitions = list(s3_backends[account].values())
    return next((found for each in partitions if (found := each.buckets.get(name))), None)


def read_object(account: str, name: str, key: str) -> bytes | None:
    """The content of an object; None if there is none."""
    found = bucket(account, name)
    stored = found.keys.get(key) if found else None
    return bytes(stored.value) if stored else None
