"""Which statements of a resource policy admit everyone.

A statement admits everyone if it allows `*`, or everyone except some principals (`NotPrincipal`), and no condition
limits it to known callers. A condition limits it if

* its key says who calls, from where, or for whom (`LIMITS`),
* its operator is false when the key is missing: not `...IfExists`, not `ForAllValues:`, and no negation, and
* each of its values is fixed: an account or an organization without wildcards and variables. In an ARN, the account
  must be fixed; in the ARN of a bucket, which has no account, the whole name.

Addresses (`aws:SourceIp`) limit it unless they cover more than a share of the internet. Deny statements are not looked
at: a policy that admits everyone and denies most of them is reported. Source: IAM's reference of policy elements and of
global condition keys; for functions also AWS Config's rule lambda-function-public-access-prohibited.
"""
from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from ...addresses import DEFAULT_SHARE, SOURCE_IP, is_world, let_in
from ..s3 import Statement, conditions, everyone, statements, values

SOURCE_ACCOUNT = "aws:sourceaccount"
LIMITS = frozenset({
    SOURCE_ACCOUNT, "aws:sourceowner", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourcevpc",
    "aws:sourcevpce", "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths",
    "aws:userid", "kms:calleraccount",
})
"""The condition keys that can limit callers, in lower case."""
_OPERATORS = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})
_S3 = "s3.amazonaws.com"


def public_statements(document: str | None, share: Fraction = DEFAULT_SHARE) -> list[str]:
    """The names of the statements that admit everyone. Arguments and errors are those of `admitting_everyone`."""
    return [name for name, _ in admitting_everyone(document, share)]


def statements_for_any_bucket(document: str | None) -> list[str]:
    """The names of the statements that admit every bucket: `admitting_any_bucket`."""
    return [name for name, _ in admitting_any_bucket(document)]


def admitting_everyone(document: str | None, share: Fraction = DEFAULT_SHARE) -> list[tuple[str, Statement]]:
    """The statements that admit everyone, each with its `Sid`, or with its number if it has none.

    Args:
        document: the policy; None if there is none. Raises ValueError if it is not JSON.
        share: of the internet's addresses; more than that is everyone.
    """
    return [
        (name, statement) for name, statement in _allowing(document)
        if (everyone(statement) or "NotPrincipal" in statement) and not _limited(statement, LIMITS, share)]


def admitting_any_bucket(document: str | None) -> list[tuple[str, Statement]]:
    """The statements that admit Amazon S3 without a condition on the account that owns the bucket, with their names.

    Anyone can then create a bucket, or take over a deleted one's name, whose events reach the resource.
    """
    return [
        (name, statement) for name, statement in _allowing(document)
        if isinstance(principal := statement.get("Principal"), Mapping) and _S3 in values(principal.get("Service"))
        and not _limited(statement, frozenset({SOURCE_ACCOUNT}), DEFAULT_SHARE)]


def _allowing(document: str | None) -> list[tuple[str, Statement]]:
    return [
        (str(statement.get("Sid") or f"number {number}"), statement)
        for number, statement in enumerate(statements(document), start=1) if statement.get("Effect") == "Allow"]


def _limited(statement: Statement, keys: frozenset[str], share: Fraction) -> bool:
    return any(
        _limits(operator, key, wanted, share) for operator, key, wanted in conditions(statement)
        if key in keys or key == SOURCE_IP)


def _limits(operator: str, key: str, wanted: list[str], share: Fraction) -> bool:
    if key == SOURCE_IP:
        admitted = let_in(operator, wanted)
        return admitted is not None and not is_world(admitted, share)
    return operator.removeprefix("foranyvalue:") in _OPERATORS and bool(wanted) and all(map(_fixed, wanted))


def _fixed(value: str) -> bool:
    """Whether a value names one account, organization, network or principal."""
    if value.startswith("arn:"):
        # arn:partition:service:region:account:resource
        account, resource = [*value.split(":", 5), "", "", "", "", ""][4:6]
        value = account or resource
    elif value.startswith("o-"):
        value = value.partition("/")[0]
    return bool(value) and not any(sign in value for sign in "*?$")
