"""Compares what fixes change in IAM: policies, access keys, boundaries, tags, and the password policy.

Source: IAM's Get and List calls for each operation.
"""
from __future__ import annotations

import json
from typing import Any

from custom_actions.aws import absent, call, code_of
from custom_actions.fixing import contains

from ...accounts import AWS_ERRORS
from .base import (
    AS_FIXED,
    BACK,
    Observation,
    Parameters,
    Read,
    Reads,
    Receipt,
    added_to,
    changed,
    created,
    merged,
    setting,
    tags,
)


def _attached(kind: str, *, back: bool) -> Read:
    def read(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
        name = f"{kind.capitalize()}Name"
        try:
            pages = call(lambda: list(
                client.get_paginator(f"list_attached_{kind}_policies").paginate(**{name: parameters[name]})))
        except AWS_ERRORS as error:
            if code_of(error) == "NoSuchEntity" and _made_role(receipt, parameters):
                return BACK
            raise
        arns = [policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]]
        return BACK if (parameters["PolicyArn"] in arns) == back else AS_FIXED

    return read


def _inline(kind: str) -> Read:
    def read(client: Any, parameters: Parameters, _: Receipt) -> Observation:
        name = f"{kind.capitalize()}Name"
        try:
            found = call(getattr(client, f"get_{kind}_policy"), **{
                name: parameters[name], "PolicyName": parameters["PolicyName"]})["PolicyDocument"]
        except AWS_ERRORS as error:
            if code_of(error) != "NoSuchEntity":
                raise
            # The policy does not exist, as the fix left it, or the principal does not exist.
            call(getattr(client, f"get_{kind}"), **{name: parameters[name]})
            return AS_FIXED
        if found == json.loads(parameters["PolicyDocument"]):
            return BACK
        return changed(f"the inline policy {parameters['PolicyName']} exists with another document")

    return read


def _key(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    pages = call(lambda: list(client.get_paginator("list_access_keys").paginate(UserName=parameters["UserName"])))
    for key in (key for page in pages for key in page["AccessKeyMetadata"]):
        if key["AccessKeyId"] == parameters["AccessKeyId"]:
            return BACK if key["Status"] == parameters["Status"] else AS_FIXED
    return changed(f"the access key {parameters['AccessKeyId']} no longer exists")


def _boundary(client: Any, parameters: Parameters) -> Any:
    boundary = call(client.get_user, UserName=parameters["UserName"])["User"].get("PermissionsBoundary") or {}
    return boundary.get("PermissionsBoundaryArn") or ""


def _user_tags(client: Any, parameters: Parameters) -> dict[str, str]:
    pages = call(lambda: list(client.get_paginator("list_user_tags").paginate(UserName=parameters["UserName"])))
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def _password_policy(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    """The call sets every setting, so any other setting that has changed since would be lost."""
    answer = absent(client.get_account_password_policy, "NoSuchEntity")
    now = dict(answer["PasswordPolicy"]) if answer else {}
    if contains(now, parameters) and not _also_set(now, parameters):
        return BACK
    fixed = {**parameters, **merged(receipt)}
    if contains(now, fixed) and not _also_set(now, fixed):
        return AS_FIXED
    return _other_settings(now, fixed)


def _new_password_policy(client: Any, _: Parameters, receipt: Receipt) -> Observation:
    answer = absent(client.get_account_password_policy, "NoSuchEntity")
    if not answer:
        return BACK
    now, fixed = answer["PasswordPolicy"], merged(receipt)
    return AS_FIXED if contains(now, fixed) and not _also_set(now, fixed) else _other_settings(now, fixed)


_DERIVED = ("ExpirePasswords", "AllowUsersToChangePassword", "MinimumPasswordLength")
"""AWS derives ExpirePasswords from MaxPasswordAge, and gives the others a value if the call does not."""


def _also_set(now: Parameters, known: Parameters) -> list[str]:
    """Settings with a value that the receipt does not know."""
    return [name for name, value in now.items() if value and name not in known and name not in _DERIVED]


def _other_settings(now: Parameters, fixed: Parameters) -> Observation:
    names = [name for name, value in fixed.items() if not contains(now.get(name), value)] + _also_set(now, fixed)
    return changed("the password policy: " + ", ".join(f"{name} is {now.get(name, 'not set')}" for name in names))


def _new_role(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    """Deleting a role takes it from whoever uses it, so it must be as the fix created it."""
    answer = absent(client.get_role, "NoSuchEntity", RoleName=parameters["RoleName"])
    return created(
        answer["Role"] if answer else None, _made_role(receipt, parameters), f"the role {parameters['RoleName']}")


def _made_role(receipt: Receipt, parameters: Parameters) -> list[Parameters]:
    """The role of the call, if the fix created it."""
    return [each for each in added_to(receipt, RoleName=parameters.get("RoleName"))
            if "AssumeRolePolicyDocument" in each]


IAM: Reads = {
    ("iam", "delete_role"): _new_role,
    **{("iam", f"attach_{kind}_policy"): _attached(kind, back=True) for kind in ("user", "group", "role")},
    **{("iam", f"detach_{kind}_policy"): _attached(kind, back=False) for kind in ("user", "role")},
    **{("iam", f"put_{kind}_policy"): _inline(kind) for kind in ("user", "group", "role")},
    ("iam", "update_access_key"): _key,
    **dict.fromkeys((("iam", "put_user_permissions_boundary"), ("iam", "delete_user_permissions_boundary")), setting(
        _boundary, lambda given: given.get("PermissionsBoundary") or "", "PermissionsBoundary")),
    ("iam", "tag_user"): tags(_user_tags, sets=True),
    ("iam", "untag_user"): tags(_user_tags, sets=False),
    ("iam", "update_account_password_policy"): _password_policy,
    ("iam", "delete_account_password_policy"): _new_password_policy,
}
