"""Whether a bucket has public read or write access through its ACL or its policy, and what blocks it.

Source: S3's user guide, "Blocking public access to your Amazon S3 storage", with "The meaning of public", and "Access
control list overview". S3 itself decides whether a policy is public (GetBucketPolicyStatus). This module finds out what
its public statements allow.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ... import addresses
from ...addresses import DEFAULT_SHARE, SOURCE_IP, all_but, coverage, is_world, let_in
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
    # Permission to write the ACL is enough to grant oneself the rest.
    "WRITE_ACP": frozenset({READ, WRITE}),
    "FULL_CONTROL": frozenset({READ, WRITE}),
}
_BOTH = frozenset({READ, WRITE})
_READING = ("s3:get", "s3:list")
_RESTRICTING = frozenset({
    SOURCE_IP, "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount",
    "aws:userid", "aws:principalorgid", "aws:principalarn", "aws:principalaccount",
    "s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:dataaccesspointarn", "s3:dataaccesspointaccount",
})
"""With one of these condition keys a statement for everyone may not be public, depending on the values."""


@dataclass(frozen=True)
class Opening:
    """One kind of public access.

    Attributes:
        through: `acl` or `policy`.
        access: what it allows: `read`, `write` or both.
        description: the access in words.
        blockable: whether a public access block closes it. A block closes only policies that S3 itself calls public.
    """

    through: str
    access: frozenset[str]
    description: str
    blockable: bool = True


@dataclass(frozen=True)
class Block:
    """The settings of a public access block, of a bucket or an account, that affect existing ACLs and policies.

    BlockPublicAcls and BlockPublicPolicy only reject new ACLs and policies.
    """

    ignores_acls: bool = False
    restricts_policy: bool = False

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> Block:
        """From a PublicAccessBlockConfiguration. Missing settings are off."""
        return cls(bool(configuration.get("IgnorePublicAcls")), bool(configuration.get("RestrictPublicBuckets")))

    def closes(self, opening: Opening) -> bool:
        """Whether the block closes this access."""
        if opening.through == ACL:
            return self.ignores_acls
        return self.restricts_policy and opening.blockable


def acl_openings(grants: Iterable[Mapping[str, Any]]) -> list[Opening]:
    """The grants of an ACL to S3's two public groups."""
    found = []
    for grant in grants:
        group = _GROUPS.get(grant.get("Grantee", {}).get("URI", ""))
        if group:
            access = _GRANTS.get(grant["Permission"], _BOTH)
            found.append(Opening(ACL, access, f"{_words(access)} by {group}, ACL grant {grant['Permission']}"))
    return found


def policy_opening(document: str | None) -> Opening:
    """What the public statements of a policy allow, for a policy that S3 calls public.

    If no public statement can be identified, the result is both read and write, because S3 reports that there is one.
    """
    allowing = [
        (number, statement) for number, statement in enumerate(statements(document), start=1)
        if statement.get("Effect") == "Allow" and (everyone(statement) or "NotPrincipal" in statement)
    ]
    # A statement with a condition that may restrict it counts only if no other statement is public.
    public = [each for each in allowing if not _may_be_restricted(each[1])] or allowing
    access = frozenset().union(*(_access(statement) for _, statement in public)) or _BOTH
    named = ", ".join(str(statement.get("Sid") or f"number {number}") for number, statement in public)
    return Opening(POLICY, access, f"{_words(access)} by everyone, policy statement {named or 'unknown'}")


def address_openings(document: str | None, share: Fraction = DEFAULT_SHARE) -> list[Opening]:
    """Access through statements for everyone whose source addresses together cover the world.

    S3 checks one block at a time: it calls a policy public for an IPv4 block wider than a /8. Many narrower blocks, in
    one statement or several, can cover the whole internet, and S3 does not call that public. Read and write access are
    added up separately.

    Args:
        document: a policy.
        share: of the internet's addresses; more than that is the world.
    """
    named = [
        (str(statement.get("Sid") or f"number {number}"), _access(statement), sources)
        for number, statement in enumerate(statements(document), start=1)
        if statement.get("Effect") == "Allow" and (everyone(statement) or "NotPrincipal" in statement)
        and (sources := _sources(statement)) is not None
    ]
    openings = []
    for access in (READ, WRITE):
        own = [(name, sources) for name, accesses, sources in named if access in accesses]
        covered = coverage(block for _, sources in own for block in sources)
        if any(part > share for part in covered.values()):
            largest, part = max(covered.items(), key=lambda each: each[1])
            openings.append(Opening(
                POLICY, frozenset({access}),
                f"{access} from {float(part):.1%} of {largest}, policy statement {', '.join(name for name, _ in own)}",
                blockable=False))
    return openings


def _sources(statement: Statement) -> list[addresses.Block] | None:
    """The addresses that a statement admits, if only addresses limit it; None if something else may limit it."""
    limits = [(operator, wanted) for operator, key, wanted in conditions(statement) if key == SOURCE_IP]
    if not limits or any(key in _RESTRICTING and key != SOURCE_IP for _, key, _ in conditions(statement)):
        return None
    shut_out: list[addresses.Block] = []
    for operator, wanted in limits:
        found = let_in(operator, wanted)
        if found is None:
            return None
        # All conditions of a statement must be true, so an address that one of them excludes stays excluded.
        shut_out += all_but(found)
    return all_but(shut_out)


def _may_be_restricted(statement: Statement) -> bool:
    if any(key in _RESTRICTING and key != SOURCE_IP for _, key, _ in conditions(statement)):
        return True
    sources = _sources(statement)
    if sources is None:
        return any(key == SOURCE_IP for _, key, _ in conditions(statement))
    return not is_world(sources)


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
            # A pattern whose wildcard comes before the kind of action is known: `s3:*`.
            found |= {READ, WRITE} if any(reading.startswith(head) for reading in _READING) else {WRITE}
    return frozenset(found)


def _words(access: frozenset[str]) -> str:
    return " and ".join(sorted(access))
