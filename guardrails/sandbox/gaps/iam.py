"""IAM: a user's permissions boundary, and ids spelled as AWS spells them.

moto keeps a boundary for roles only, has no PutUserPermissionsBoundary and no DeleteUserPermissionsBoundary, and gives
users, groups and policies ids without the prefix that tells their kind.

Source: IAM's PutUserPermissionsBoundary, DeleteUserPermissionsBoundary, CreateUser, GetUser, ListUsers; the user
guide's "IAM identifiers", unique ID prefixes.
"""
from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Group, ManagedPolicy, User
from moto.iam.responses import IamResponse

_BOUNDARY = "permissions_boundary_arn"
_ID_LENGTH = 21


def apply() -> None:
    """Add the APIs. Once in a process."""
    _spell_ids()
    setattr(User, "permissions_boundary", property(_boundary))  # noqa: B010 - as below
    IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER = {
        **IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER,
        # ListUsers leaves it out, as it does the tags.
        "ListUsersResponse.Users.User.PermissionsBoundary": lambda _: None,
    }
    for operation in (put_user_permissions_boundary, delete_user_permissions_boundary):
        setattr(IamResponse, operation.__name__, operation)
    _take_boundaries_of_new_users()


def put_user_permissions_boundary(request: Any) -> EmptyResult:
    """Set a user's boundary; replaces an existing one."""
    user = request.backend.get_user(request._get_param("UserName"))
    _set(request, user, request._get_param("PermissionsBoundary"))
    return EmptyResult()


def delete_user_permissions_boundary(request: Any) -> EmptyResult:
    """Delete a user's boundary."""
    user = request.backend.get_user(request._get_param("UserName"))
    setattr(user, _BOUNDARY, None)
    return EmptyResult()


def _take_boundaries_of_new_users() -> None:
    original = IamResponse.create_user

    def create_user(request: Any) -> ActionResult:
        boundary = request._get_param("PermissionsBoundary")
        if boundary:
            _check(request, boundary)
        answer = original(request)
        if boundary:
            _set(request, request.backend.get_user(request._get_param("UserName")), boundary)
        return answer

    setattr(IamResponse, "create_user", create_user)  # noqa: B010 - moto's classes are typed as not assignable


def _set(request: Any, user: User, arn: str) -> None:
    _check(request, arn)
    setattr(user, _BOUNDARY, arn)


def _check(request: Any, arn: str) -> None:
    """A boundary must be an existing policy. AWS's own are not checked, because moto has them only if configured to."""
    if arn not in request.backend.managed_policies and ":iam::aws:policy/" not in arn:
        raise NotFoundException(f"Policy {arn} does not exist or is not attachable.")


def _boundary(user: User) -> dict[str, str] | None:
    arn = getattr(user, _BOUNDARY, None)
    return {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn} if arn else None


def _spell_ids() -> None:
    kinds: tuple[tuple[Any, str], ...] = ((User, "AIDA"), (Group, "AGPA"), (ManagedPolicy, "ANPA"))
    for kind, prefix in kinds:
        kind.__init__ = _with_id(kind.__init__, prefix)


def _with_id(original: Callable[..., None], prefix: str) -> Callable[..., None]:
    def init(entity: Any, *args: Any, **kwargs: Any) -> None:
        original(entity, *args, **kwargs)
        letters = (secrets.choice(string.ascii_uppercase + "234567") for _ in range(_ID_LENGTH - len(prefix)))
        entity.id = prefix + "".join(letters)

    return init
