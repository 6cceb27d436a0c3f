"""Whether a bucket's policy denies every request without TLS.

Source: S3's security best practices, "Enforce encryption of data in transit"; IAM's global key aws:SecureTransport.
"""
from __future__ import annotations

from .document import Statement, conditions, covers, everyone, statements, values

_OPERATORS = ("bool", "boolifexists", "stringequals", "stringequalsignorecase", "stringlike")


def open_without_tls(document: str | None, arn: str) -> list[str]:
    """What plain HTTP can still reach of the bucket `arn`: `the bucket`, `its objects`, both or nothing.

    A statement counts if it denies every principal every S3 action, with aws:SecureTransport being false as the only
    condition. Several statements may cover it together.
    """
    denied = [
        pattern for statement in statements(document) if _denies_plain_http(statement)
        for pattern in values(statement.get("Resource"))
    ]
    parts = {"the bucket": arn, "its objects": f"{arn}/*"}
    return [name for name, part in parts.items() if not any(covers(pattern, part) for pattern in denied)]


def _denies_plain_http(statement: Statement) -> bool:
    found = list(conditions(statement))
    return (
        statement.get("Effect") == "Deny"
        and everyone(statement)
        and any(action.lower() in ("*", "s3:*") for action in values(statement.get("Action")))
        and len(found) == 1
        and found[0][0] in _OPERATORS
        and found[0][1] == "aws:securetransport"
        and "false" in [value.lower() for value in found[0][2]]
    )
