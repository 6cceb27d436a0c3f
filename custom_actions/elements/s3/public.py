"""Whether strangers reach a bucket: through its ACL or its policy, to read or to write, and what blocks them.

Source: S3's user guide, "Blocking public access to your Amazon S3 storage", with "The meaning of public", and "Access
control list overview". Whether a policy is public is S3's own verdict (GetBucketPolicyStatus); what is found out
here is what its public statements let do.
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
    # Who may write the ACL may grant himself the rest.
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
"""Condition keys with which a statement for everyone may not be public; whether it is depends on the values."""


@dataclass(frozen=True)
class Opening:
    """One way in.

    Attributes:
        through: `acl` or `policy`.
        access: what it lets strangers do: `read`, `write` or both.
        said: the way in words.
        blockable: whether a public access block closes it. One closes only policies that S3 itself calls public.
    """

    through: str
    access: frozenset[str]
    said: str
    blockable: bool = True


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
        if opening.through == ACL:
            return self.ignores_acls
        return self.restricts_policy and opening.blockable


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


def address_openings(document: str | None, share: Fraction = DEFAULT_SHARE) -> list[Opening]:
    """The ways in through statements for everyone that name addresses, which together are open to the world.

    S3 looks at one block at a time: it calls a policy public for an IPv4 block wider than a /8. Many narrower ones, in
    one statement or several, can hold the whole internet, and S3 does not call that public. What is read and what is
    written are added up each for itself.

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
    """The addresses that a statement lets in, where addresses are what limits it; None where something else may."""
    limits = [(operator, wanted) for operator, key, wanted in conditions(statement) if key == SOURCE_IP]
    if not limits or any(key in _RESTRICTING and key != SOURCE_IP for _, key, _ in conditions(statement)):
        return None
    shut_out: list[addresses.Block] = []
    for operator, wanted in limits:
        found = let_in(operator, wanted)
        if found is None:
            return None
        # All the conditions of a statement must hold, so what one of them shuts out stays out.
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
            # A pattern that stops before it says what it is of: `s3:*`.
            found |= {READ, WRITE} if any(reading.startswith(head) for reading in _READING) else {WRITE}
    return frozenset(found)


def _words(access: frozenset[str]) -> str:
    return " and ".join(sorted(access))
