"""Who gets access to a bucket from outside: other accounts by its policy, and anybody by its ACL.

Source: Security Hub's user guide, the controls S3.6 and S3.12; S3's user guide, "Access control list (ACL) overview".
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...wildcards import matches
from .document import Statement, conditions, statements, values
from .elements import Bucket, BucketFilter
from .read import known_policy

_LOGS = "http://acs.amazonaws.com/groups/s3/LogDelivery"
_OWN_ACCOUNT = ("aws:principalaccount", "aws:sourceaccount")
_EXACT = ("stringequals", "stringequalsignorecase", "stringlike")


class OutsideActions(BucketFilter):
    """Buckets whose policy allows other accounts some of the named actions.

    A statement counts when it names another account, its root, users, roles or sessions, a canonical user, or everyone,
    and one of its actions, with their wildcards, takes one of `actions`. Services and federated identities do not
    count, nor does everyone when a condition limits them to the bucket's account; other conditions do not matter. The
    statements are kept on the bucket as `c7n:OutsideActions`.

    Why not c7n's `has-statement`: it compares an action as text, so `s3:Put*` is none of the named ones, and it cannot
    tell the own account from others.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-outside-actions
            resource: aws.s3
            filters:
              - type: outside-actions
                actions: ["s3:DeleteBucketPolicy", "s3:PutBucketPolicy"]
    """

    schema = type_schema(
        "outside-actions", required=["actions"], actions={"type": "array", "items": {"type": "string"}, "minItems": 1})
    permissions = ("s3:GetBucketPolicy",)
    annotation_key = "c7n:OutsideActions"

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        own = self.manager.config.account_id

        def find(client: Any, bucket: Bucket) -> list[str]:
            return outside_actions(known_policy(client, bucket), self.data["actions"], own)

        return find


class AclGrants(BucketFilter):
    """Buckets whose ACL gives access to anybody but the bucket's owner.

    The group of S3's log delivery is no user, and does not count. A bucket with the object ownership "bucket owner
    enforced" has no such grants, because S3 ignores its ACL and shows the owner's grant only. The grants are kept on
    the bucket as `c7n:AclGrants`.

    Why not c7n's `global-grants`: it looks at grants to everyone only, not at those to other users.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-no-acl
            resource: aws.s3
            filters:
              - acl-grants
    """

    schema = type_schema("acl-grants")
    permissions = ("s3:GetBucketAcl",)
    annotation_key = "c7n:AclGrants"

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        def find(client: Any, bucket: Bucket) -> list[str]:
            return foreign_grants(bucket.get("Acl") or call(client.get_bucket_acl, Bucket=bucket["Name"]))

        return find


def outside_actions(document: str | None, actions: Iterable[str], own: str) -> list[str]:
    """For each statement of a bucket policy that allows another account than `own` one of the actions, in words."""
    found = []
    for number, statement in enumerate(statements(document), start=1):
        if statement.get("Effect") == "Allow" and (who := _outside(statement, own)):
            allowed = [action for action in actions if _about(statement, action)]
            if allowed:
                name = statement.get("Sid") or f"statement number {number}"
                found.append(f"{name} allows {who}: {', '.join(allowed)}")
    return found


def without_outside_actions(document: str, actions: Iterable[str], own: str) -> str:
    """A bucket policy that allows no other account than `own` the actions; empty if no statement is left.

    The named actions are taken out of a statement. Where it still allows one, by a wildcard or by what it excludes, the
    statement is taken out.
    """
    unwanted = {action.lower() for action in actions}
    kept: list[Statement] = []
    for statement in statements(document):
        if statement.get("Effect") == "Allow" and _outside(statement, own):
            if any(_about(statement, action) for action in unwanted) and "Action" in statement:
                left = [each for each in values(statement["Action"]) if each.lower() not in unwanted]
                statement = {**statement, "Action": left}
            if not statement.get("Action", True) or any(_about(statement, action) for action in unwanted):
                continue
        kept.append(statement)
    return json.dumps({**json.loads(document), "Statement": kept}) if kept else ""


def foreign_grants(acl: Mapping[str, Any]) -> list[str]:
    """The grants of an ACL to anybody but the owner and S3's log delivery, in words."""
    return [f"{grant.get('Permission')} for {who}" for grant in acl.get("Grants") or ()
            if (who := foreign_grant(acl, grant))]


def foreign_grant(acl: Mapping[str, Any], grant: Mapping[str, Any]) -> str:
    """Who has a grant of an ACL; empty for the owner and S3's log delivery."""
    grantee = grant["Grantee"]
    who = str(grantee.get("URI") or grantee.get("ID") or grantee.get("EmailAddress") or "unknown")
    return "" if who in ((acl.get("Owner") or {}).get("ID"), _LOGS) else who


def _outside(statement: Statement, own: str) -> str:
    """A principal of the statement that is not of the account `own`; empty if there is none."""
    if "NotPrincipal" in statement:
        return "everyone else"
    principal = statement.get("Principal")
    named = principal if isinstance(principal, Mapping) else {"AWS": principal}
    for each in (*values(named.get("CanonicalUser")), *values(named.get("AWS"))):
        if each == "*":
            if not _limited(statement, own):
                return "everyone"
        elif own not in (each, *each.split(":")[4:5]):
            return each
    return ""


def _limited(statement: Statement, own: str) -> bool:
    """Whether a condition limits the statement to the account `own`."""
    return any(
        operator in _EXACT and key in _OWN_ACCOUNT and wanted == [own]
        for operator, key, wanted in conditions(statement))


def _about(statement: Statement, action: str) -> bool:
    key = "NotAction" if "NotAction" in statement else "Action"
    named = any(matches(pattern.lower(), action.lower()) for pattern in values(statement.get(key)))
    return named is (key == "Action")
