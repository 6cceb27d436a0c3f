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
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from ...errors import CannotRead

# A character that no pattern names, so that only wildcards take it.
_ANY = "\x00"
# Lengths of service prefixes and actions; only a `*` takes both of a pair.
_SERVICES = (_ANY * 3, _ANY * 20)
_ACTIONS = (_ANY * 8, _ANY * 40)


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
