"""Which requests may change a resource that AWS Config records. It must be fast: every request passes here."""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from custom_actions.vocabulary import is_read

from .table import kinds, kinds_of

_DATA = re.compile(r"(Put|Update|Delete|BatchWrite|TransactWrite)Items?|Encrypt|Decrypt|ReEncrypt|Sign|Verify")
_ACTION = re.compile(r"(?:^|&)Action=(\w+)")
_REST = {"s3", "elasticfilesystem", "apigateway"}
_SPREADING = {"tagging", "cloudformation", "autoscaling"}
"""Services whose calls change other services' resources."""


@dataclass(frozen=True)
class Change:
    """What a request may have changed: resources of a service, or only the one called `name`."""

    service: str
    name: str = ""


def changes_of(
    service: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> list[Change]:
    """What the request may have changed; empty for one that only reads. `service` is the signature's."""
    if service in _SPREADING:
        found = [Change(name) for name in dict.fromkeys(kind.service for kind in kinds())]
    elif service == "s3":
        bucket, _, key = path.strip("/").partition("/")
        found = [Change(service, bucket)] if bucket and not key else []  # a call on an object leaves its bucket alone
    else:
        found = [Change(service)] if kinds_of(service) else []
    return found if found and _writes(service, method, query, headers, body) else []


def _writes(service: str, method: str, query: str, headers: Mapping[str, str], body: bytes) -> bool:
    if service in _REST:
        return method not in {"GET", "HEAD"}
    operation = headers.get("X-Amz-Target", "").rpartition(".")[2]
    if not operation:
        action = _ACTION.search(body.decode(errors="replace")) or _ACTION.search(query)
        operation = action[1] if action else ""
    return bool(operation) and not (
        is_read(operation) or operation.startswith("Generate") or _DATA.fullmatch(operation))
