"""Sets a value in moto's state that no API call of the account sets, such as whether the root user has MFA.

Only the root user itself can create its access key or register its MFA device, in the console. moto has no root user
that could. The value is found by its path in moto's state, as in `iam.account_summary._account_mfa_enabled`. Used in
the process that holds moto.
"""
from __future__ import annotations

from typing import Any

from moto.backends import get_backend

from .backdate import inside


def set_state(path: str, value: object, *, account: str, region: str) -> None:
    """Set the attribute at `path`, which must exist and be of the same type.

    A value that is not set yet (None) can be set to anything. Raises LookupError when there is no value at `path`, or
    one of another type.
    """
    service, *steps, last = path.split(".")
    regions = get_backend(service)[account]  # type: ignore[call-overload]
    owner: Any = regions[region if region in regions else "aws"]
    for step in steps:
        owner = inside(owner, step, path)
    before = inside(owner, last, path)
    if before is not None and type(before) is not type(value):
        raise LookupError(f"{path} is {before!r}, and {value!r} is not a {type(before).__name__}")
    setattr(owner, last, value)
