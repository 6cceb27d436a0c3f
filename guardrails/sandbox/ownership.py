"""Gives a network resource of EC2 to another account, as one that its owner shares through AWS RAM.

moto shows every account its own resources only. An account that a VPC or a subnet is shared with sees it with the
owner's account as `OwnerId`. The resource is found by its path in moto's state, as in `ec2.vpcs.vpc-1`. Used in the
process that holds moto.
"""
from __future__ import annotations

from moto.backends import get_backend

from .backdate import inside


def set_owner(path: str, owner: str, *, account: str, region: str) -> None:
    """Make `owner` the owner of the resource at `path`, which stays visible in `account`.

    Raises LookupError when there is no resource at `path`.
    """
    service, *steps = path.split(".")
    found = get_backend(service)[account][region]  # type: ignore[call-overload]
    for step in steps:
        found = inside(found, step, path)
    if "owner_id" in getattr(found, "__dict__", {}):
        found.owner_id = owner
    elif isinstance(getattr(type(found), "owner_id", None), property):
        # It reads the account of its backend.
        found.ec2_backend = get_backend(service)[owner][region]  # type: ignore[call-overload]
    else:
        raise LookupError(f"{path}: {type(found).__name__} has no owner")
