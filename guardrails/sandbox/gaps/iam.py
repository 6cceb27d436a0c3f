"""IAM: a user's permissions boundary, ids as AWS spells and shows them, and the age of the credential report.

moto keeps a boundary for roles only, does not count for how many principals a policy is the boundary, has no
PutUserPermissionsBoundary and no DeleteUserPermissionsBoundary, and gives users, groups and policies ids without the
prefix that tells their kind. Its credential report is always of 2015: c7n asks for a new one each time, and sleeps ten
seconds. Here it is of the time at which it was asked for, and a new one is made after four hours. What the report says
is always what is there now. It lacks the root user; its row here shows what the state of the root user says, which no
call can set: the steps `backdate` and `state` of a case do.

Source: IAM's PutUserPermissionsBoundary, DeleteUserPermissionsBoundary, CreateUser, GetUser, ListUsers,
GenerateCredentialReport, GetCredentialReport; the user guide's "IAM identifiers", unique ID prefixes, and "Generate
credential reports".
"""
from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from moto.core.responses import ActionResult, EmptyResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Group, IAMBackend, ManagedPolicy, User, iam_backends
from moto.iam.responses import IamResponse

_BOUNDARY = "permissions_boundary_arn"
_ID_LENGTH = 21
_REPORT_LASTS = timedelta(hours=4)
_ROOT_STATE = ("root_password_last_used", "root_key_1_last_used", "root_key_2_last_used")
"""Dates in moto's state; of a key, also that the root user has it."""


def apply() -> None:
    """Add the APIs. Once in a process."""
    _spell_ids()
    _date_reports()
    # GetAccountAuthorizationDetails leaves out the name and the id of a policy.
    for name, value in (("policy_name", "name"), ("policy_id", "id")):
        setattr(ManagedPolicy, name, property(attrgetter(value)))
    setattr(ManagedPolicy, "permissions_boundary_usage_count", property(_boundary_uses))  # noqa: B010 - as below
    setattr(User, "permissions_boundary", property(_boundary))  # noqa: B010 - as below
    IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER = {
        **IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER,
        # ListUsers leaves it out, as it does the tags.
        "ListUsersResponse.Users.User.PermissionsBoundary": lambda _: None,
        # As all documents in IAM's answers.
        "GetPolicyVersionResponse.PolicyVersion.Document": quote,
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


def _date_reports() -> None:
    original = IamResponse.get_credential_report

    def report_generated(backend: Any) -> bool:
        made = backend.credential_report
        return made is not None and datetime.now(UTC) - made < _REPORT_LASTS

    def generate_report(backend: Any) -> None:
        if not report_generated(backend):
            backend.credential_report = datetime.now(UTC)

    def get_credential_report(request: Any) -> ActionResult:
        answer: Any = original(request)
        return ActionResult({**answer.result, "GeneratedTime": request.backend.credential_report})

    original_rows = IAMBackend.get_credential_report

    def get_rows(backend: Any) -> str:
        return str(original_rows(backend)) + _root_row(backend)

    for name in _ROOT_STATE:
        setattr(IAMBackend, name, None)
    setattr(IAMBackend, "get_credential_report", get_rows)  # noqa: B010 - moto's classes are typed as not assignable
    for owner, function in (
        (IAMBackend, report_generated), (IAMBackend, generate_report), (IamResponse, get_credential_report),
    ):
        setattr(owner, function.__name__, function)


def _root_row(backend: Any) -> str:
    """The root user's row, as AWS shows it: without what does not exist for the root user, such as a password's age."""
    password, *keys = (
        used.strftime("%Y-%m-%dT%H:%M:%S+00:00") if used else "" for used in (
            getattr(backend, name) for name in _ROOT_STATE))
    row = [
        "<root_account>", f"arn:{backend.partition}:iam::{backend.account_id}:root", "2015-01-01T00:00:00+00:00",
        "not_supported", password or "no_information", "not_supported", "not_supported",
        str(bool(backend.account_summary._account_mfa_enabled)).lower()]
    for used in keys:
        row += ["true", "2015-01-01T00:00:00+00:00", used, "us-east-1", "s3"] if used else ["false", *["N/A"] * 4]
    return ",".join([*row, "false", "N/A", "false", "N/A"]) + "\n"


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


def _boundary_uses(policy: Any) -> int:
    backend = iam_backends[policy.account_id][policy.partition]
    return sum(
        getattr(principal, _BOUNDARY, None) == policy.arn
        for principals in (backend.users, backend.roles) for principal in principals.values())


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
