"""Whether strangers reach a bucket: through its ACL or its policy, to read or to write, and what blocks them.

Source: S3's user guide, "Blocking public access to your Amazon S3 storage", with "The meaning of public", and "Access
control list overview". Whether a policy is public is S3's own verdict (GetBucketPolicyStatus); what is found out
here is what its public statements let do.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .document import Statement, conditions, everyone, statements, values

READ, WRITE = "read", "write"
ACL, POLICY = "acl", "policy"

_GROUPS = {
    "http://acs.amazonaws.com/groups/global/AllUsers": "everyone",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "every AWS account",
}
_GRANTS: Mapping[str, frozenset[str]] = {
    "READ": frozenset({READ}),
    "READ_ACP": frozenset({READ}),
    "WRITE": frozenset({WRITE}),
    # Who may write the ACL may grant himself the rest.
    "WRITE_ACP": frozenset({READ, WRITE}),
    "FULL_CONTROL": frozenset({READ, WRITE}),
}
_BOTH = frozenset({READ, WRITE})
_READING = ("s3:get", "s3:list")
_RESTRICTING = frozenset({
    "aws:sourceip", "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount",
    "aws:userid", "aws:principalorgid", "aws:principalarn", "aws:principalaccount",
    "s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:dataaccesspointarn", "s3:dataaccesspointaccount",
})
"""Condition keys with which a statement for everyone may not be public; whether it is depends on the values."""


@dataclass(frozen=True)
class Opening:
    """One way in.

    Attributes:
        through: `acl` or `policy`.
        access: what it lets strangers do: `read`, `write` or both.
        said: the way in words.
    """

    through: str
    access: frozenset[str]
    said: str


@dataclass(frozen=True)
class Block:
    """A public access block, of a bucket or of an account: what of it matters for what is there already.

    BlockPublicAcls and BlockPublicPolicy refuse new ACLs and policies, and leave those that are there.
    """

    ignores_acls: bool = False
    restricts_policy: bool = False

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> Block:
        """From a PublicAccessBlockConfiguration; what it leaves out is off."""
        return cls(bool(configuration.get("IgnorePublicAcls")), bool(configuration.get("RestrictPublicBuckets")))

    def closes(self, opening: Opening) -> bool:
        """Whether nobody gets through."""
        return self.ignores_acls if opening.through == ACL else self.restricts_policy


def acl_openings(grants: Iterable[Mapping[str, Any]]) -> list[Opening]:
    """The grants of an ACL to S3's two groups of strangers."""
    found = []
    for grant in grants:
        group = _GROUPS.get(grant.get("Grantee", {}).get("URI", ""))
        if group:
            access = _GRANTS.get(grant["Permission"], _BOTH)
            found.append(Opening(ACL, access, f"{_words(access)} by {group}, ACL grant {grant['Permission']}"))
    return found


def policy_opening(document: str | None) -> Opening:
    """What the public statements of a policy let do, for a policy that S3 calls public.

    Where no statement can be made out that is public, both: S3 has said that there is one.
    """
    allowing = [
        (number, statement) for number, statement in enumerate(statements(document), start=1)
        if statement.get("Effect") == "Allow" and (everyone(statement) or "NotPrincipal" in statement)
    ]
    # A condition that may restrict a statement makes it a suspect only when there is no better one.
    public = [each for each in allowing if not _may_be_restricted(each[1])] or allowing
    access = frozenset().union(*(_access(statement) for _, statement in public)) or _BOTH
    named = ", ".join(str(statement.get("Sid") or f"number {number}") for number, statement in public)
    return Opening(POLICY, access, f"{_words(access)} by everyone, policy statement {named or 'unknown'}")


def _may_be_restricted(statement: Statement) -> bool:
    return any(key in _RESTRICTING for _, key, _ in conditions(statement))


def _access(statement: Statement) -> frozenset[str]:
    if "NotAction" in statement:
        return _BOTH
    found: set[str] = set()
    for action in values(statement.get("Action")):
        head = action.lower().partition("*")[0].partition("?")[0]
        if any(head.startswith(reading) for reading in _READING):
            found.add(READ)
        elif head == action.lower():
            found.add(WRITE)
        else:
            # A pattern that stops before it says what it is of: `s3:*`.
            found |= {READ, WRITE} if any(reading.startswith(head) for reading in _READING) else {WRITE}
    return frozenset(found)


def _words(access: frozenset[str]) -> str:
    return " and ".join(sorted(access))
