"""Makes resources in moto older: moto creates everything now, but policies about ages need older resources.

A date is found by its path in moto's own state: service, then attributes of objects and keys of mappings, as in
`ec2.volumes.vol-1.create_time`. So one function serves every service, and a path that moto no longer has fails.
Used in the process that holds moto.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.backends import get_backend


def backdate(path: str, days: float, *, account: str, region: str) -> None:
    """Make the date at `path` that many days ago; its type and time zone stay.

    A date that is not set yet (None), such as the last use of a password, is set, in UTC.

    Raises LookupError when there is no date at `path`.
    """
    service, *steps, last = path.split(".")
    regions = get_backend(service)[account]  # type: ignore[call-overload]
    owner: Any = regions[region if region in regions else "aws"]
    for step in steps:
        owner = inside(owner, step, path)
    old = inside(owner, last, path)
    if not isinstance(old, datetime | None):
        raise LookupError(f"{path} is not a date: {old!r}")
    setattr(owner, last, datetime.now(old.tzinfo if old else UTC).replace(microsecond=0) - timedelta(days=days))


def inside(owner: Any, step: str, path: str) -> Any:
    """The next step of a path: a key, an index or an attribute. Raises LookupError if there is none."""
    if isinstance(owner, Mapping) and step in owner:
        return owner[step]
    if isinstance(owner, Sequence) and step.isdigit() and int(step) < len(owner):
        return owner[int(step)]
    if hasattr(owner, step):
        return getattr(owner, step)
    raise LookupError(f"{path}: {type(owner).__name__} has no {step}")
