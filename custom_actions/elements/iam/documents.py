"""Whether a policy document allows everything.

A statement with Effect Allow does, whatever its Resource and Condition, when

* an entry of its Action takes any action of any service: `*`, `*:*`, `**`, `?*:*` and the like; or
* it has a NotAction, which allows all that it does not name, and names neither everything nor IAM as a whole. Who may
  do all but a few things, and use IAM, may give themselves the rest. `NotAction: [iam:*, organizations:*]`, as in AWS's
  own PowerUserAccess, is therefore not everything.

What several statements, or several policies, allow together is not added up.

Source: IAM's user guide, "IAM JSON policy elements: Action", "NotAction", "Statement".
"""
from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from ...errors import CannotRead
from ...wildcards import matches

# A character that no pattern names, so that only wildcards take it.
_ANY = "\x00"
# Lengths of service prefixes and actions; only a `*` takes both of a pair.
_SERVICES = (_ANY * 3, _ANY * 20)
_ACTIONS = (_ANY * 8, _ANY * 40)

_DECRYPTION = ("kms:Decrypt", "kms:ReEncryptFrom")
_REGIONS, _KEYS = (_ANY * 3, _ANY * 20), (_ANY * 8, _ANY * 40)
_WILD_SERVICE = re.compile(r"[a-z0-9-]+:\*+")


class DocumentError(CannotRead, ValueError):
    """A policy document that cannot be read: what it allows is unknown."""


def parse(document: Any) -> Mapping[str, Any]:
    """A policy document as boto3 gives it (a mapping) or as the API does (JSON, perhaps percent-encoded).

    Raises DocumentError.
    """
    if isinstance(document, str):
        try:
            document = json.loads(document if document.lstrip().startswith("{") else unquote(document))
        except (ValueError, RecursionError) as error:
            raise DocumentError(f"a policy document is no JSON: {error}") from None
    if not isinstance(document, Mapping):
        raise DocumentError(f"a policy document is no JSON object: {document!r:.100}")
    return document


def allows_everything(document: Any) -> list[str]:
    """For each statement that allows everything, in words, which and how; empty when none does.

    Raises DocumentError.
    """
    return [
        f"statement {statement.get('Sid') or number} allows {how}"
        for number, statement in enumerate(_statements(parse(document)), start=1)
        if (how := _everything(statement))
    ]


def allows_decryption(document: Any) -> list[str]:
    """For each statement that allows to decrypt, or to re-encrypt from, every KMS key, in words, which and what.

    Every key is every key of all regions, of one account or of all; conditions do not count. What a statement of the
    same document denies for every key, without a condition, is not allowed. Raises DocumentError.
    """
    statements = list(_statements(parse(document)))
    denied = {
        action for statement in statements for action in _DECRYPTION
        if statement.get("Effect") == "Deny" and not statement.get("Condition") and "Resource" in statement
        and _on_every_key(statement) and _names(statement, action)
    }
    return [
        f"statement {statement.get('Sid') or number} allows {action} on every key"
        for number, statement in enumerate(statements, start=1)
        if statement.get("Effect") == "Allow" and _on_every_key(statement)
        for action in _DECRYPTION if action not in denied and _names(statement, action)
    ]


def allows_whole_services(document: Any) -> list[str]:
    """For each statement that allows all actions of a service, in words, which and how; empty when none does.

    `Action: s3:*` does, and so does `*`; `NotAction: s3:*` allows all actions of all other services. Resources and
    conditions do not count. Raises DocumentError.
    """
    return [
        f"statement {statement.get('Sid') or number} has {key} {pattern}"
        for number, statement in enumerate(_statements(parse(document)), start=1) if statement.get("Effect") == "Allow"
        for key in ("Action", "NotAction") for pattern in _patterns(statement, key)
        if _WILD_SERVICE.fullmatch(pattern.lower()) or _takes(pattern, _SERVICES)
    ]


def _names(statement: Mapping[str, Any], action: str) -> bool:
    """Whether the statement is about an action."""
    key = "NotAction" if "NotAction" in statement else "Action"
    named = any(matches(pattern.lower(), action.lower()) for pattern in _patterns(statement, key))
    return named is (key == "Action")


def _on_every_key(statement: Mapping[str, Any]) -> bool:
    """Whether the statement is about every KMS key. One with NotResource is, unless it shuts every key out."""
    key = "NotResource" if "NotResource" in statement else "Resource"
    every = any(_is_every_key(pattern) for pattern in _patterns(statement, key))
    return every is (key == "Resource")


def _is_every_key(pattern: str) -> bool:
    parts = pattern.split(":")
    partition = parts[1] if len(parts) > 1 and parts[1].startswith("aws") and "*" not in parts[1] else "aws"
    account = parts[4] if len(parts) > 4 and parts[4].isdigit() else _ANY * 12
    return all(
        matches(pattern, f"arn:{partition}:kms:{region}:{account}:key/{key}") for region in _REGIONS for key in _KEYS)


def _statements(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    statements = document.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        if not isinstance(statement, Mapping):
            raise DocumentError(f"a statement is no JSON object: {statement!r:.100}")
        yield statement


def _everything(statement: Mapping[str, Any]) -> str:
    """How a statement allows everything; empty when it does not."""
    if statement.get("Effect") != "Allow":
        return ""
    for pattern in _patterns(statement, "Action"):
        if _takes(pattern, _SERVICES):
            return f"the action {pattern}"
    if "NotAction" not in statement:
        return ""
    shut_out = _patterns(statement, "NotAction")
    if any(_takes(pattern, ("iam",)) for pattern in shut_out):
        return ""
    return f"all actions but {', '.join(shut_out) or 'none'}"


def _patterns(statement: Mapping[str, Any], key: str) -> list[str]:
    given = statement.get(key, [])
    patterns = given if isinstance(given, list) else [given]
    if not all(isinstance(pattern, str) for pattern in patterns):
        raise DocumentError(f"{key} is neither text nor a list of texts: {given!r:.100}")
    return patterns


def _takes(pattern: str, services: tuple[str, ...]) -> bool:
    """Whether a pattern takes every action of these services."""
    # Only * and ? are wildcards in IAM; fnmatch would read brackets as well.
    escaped = pattern.lower().replace("[", "[[]")
    return all(
        fnmatch.fnmatchcase(f"{service}:{action}", escaped) for service in services for action in _ACTIONS
    )
