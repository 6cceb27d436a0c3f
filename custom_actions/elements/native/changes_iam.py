"""The changes that c7n's actions make to IAM users, by operation."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...aws import absent, call
from ...fixing import Step
from .change import IRREVERSIBLE, Attempt, Change, Plan, setting, tags

_PASSWORD = "AWS does not show passwords, so the same password cannot be set again; create a new one"  # noqa: S105


def _login_profile(attempt: Attempt) -> Change | None:
    client, user = attempt.client, attempt.parameters["UserName"]

    def read() -> Any:
        answer = absent(client.get_login_profile, "NoSuchEntity", UserName=user)
        return {key: str(value) for key, value in answer["LoginProfile"].items()} if answer else None

    before = read()
    if before is None:
        return None
    return Change(
        Step("delete the console password", attempt.call, removed={"LoginProfile": before},
             note=f"{IRREVERSIBLE}{_PASSWORD}"),
        lambda: read() is None)


def _tags(attempt: Attempt) -> Change | None:
    """TagUser and UntagUser."""
    client, user = attempt.client, attempt.parameters["UserName"]
    sets = attempt.call.operation == "tag_user"
    given = {tag["Key"]: tag["Value"] for tag in attempt.parameters["Tags"]} if sets \
        else dict.fromkeys(attempt.parameters["TagKeys"], "")

    def read() -> dict[str, str]:
        pages = call(lambda: list(client.get_paginator("list_user_tags").paginate(UserName=user)))
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"] if tag["Key"] in given}

    return tags(
        attempt, given, read, sets=sets,
        put=lambda key, value: attempt.undo("tag_user", UserName=user, Tags=[{"Key": key, "Value": value}]),
        remove=lambda key, _: attempt.undo("untag_user", UserName=user, TagKeys=[key]))


def _boundary(attempt: Attempt) -> Change | None:
    client, user = attempt.client, attempt.parameters["UserName"]

    def read() -> str:
        boundary = call(client.get_user, UserName=user)["User"].get("PermissionsBoundary") or {}
        return str(boundary.get("PermissionsBoundaryArn") or "")

    before = read()
    inverse = attempt.undo("put_user_permissions_boundary", UserName=user, PermissionsBoundary=before) if before \
        else attempt.undo("delete_user_permissions_boundary", UserName=user)
    return setting(
        attempt, "PermissionsBoundary", read, attempt.parameters["PermissionsBoundary"], inverse, before=before)


def _policy(attempt: Attempt) -> Change | None:
    """AttachUserPolicy and DetachUserPolicy."""
    client, user, arn = attempt.client, attempt.parameters["UserName"], attempt.parameters["PolicyArn"]
    attaches = attempt.call.operation == "attach_user_policy"

    def is_done() -> bool:
        pages = call(lambda: list(client.get_paginator("list_attached_user_policies").paginate(UserName=user)))
        return any(each["PolicyArn"] == arn for page in pages for each in page["AttachedPolicies"]) == attaches

    if is_done():
        return None
    other = "detach_user_policy" if attaches else "attach_user_policy"
    named = {"PolicyArn": arn}
    step = Step(f"{'attach' if attaches else 'detach'} {arn}", attempt.call,
                attempt.undo(other, UserName=user, PolicyArn=arn), removed={} if attaches else named,
                added=named if attaches else {})
    return Change(step, is_done)


IAM: Mapping[str, Plan] = {
    "delete_login_profile": _login_profile,
    "tag_user": _tags,
    "untag_user": _tags,
    "put_user_permissions_boundary": _boundary,
    "attach_user_policy": _policy,
    "detach_user_policy": _policy,
}
