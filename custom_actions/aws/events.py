"""CloudTrail records: who made a change, and whether it was one of our own functions."""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..names import OPERATOR_ROLES


@dataclass(frozen=True)
class Actor:
    """Who made a change, according to CloudTrail; a field is empty when the record does not have it.

    Source: the record's userIdentity, eventName, eventID, eventTime and sourceIPAddress.
    """

    arn: str = ""
    event: str = ""
    event_id: str = ""
    time: str = ""
    source_ip: str = ""


def detail_of(event: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The CloudTrail record inside an EventBridge event; empty when there is none."""
    detail = (event or {}).get("detail")
    return detail if isinstance(detail, Mapping) else {}


def actor_of(event: Mapping[str, Any] | None) -> Actor | None:
    """Who caused `event`, an EventBridge event; None when it contains no CloudTrail record."""
    detail = detail_of(event)
    if not detail.get("eventName"):
        return None
    identity = detail.get("userIdentity") or {}
    return Actor(
        arn=identity.get("arn") or identity.get("invokedBy") or identity.get("principalId") or "",
        event=detail["eventName"],
        event_id=detail.get("eventID") or "",
        time=detail.get("eventTime") or "",
        source_ip=detail.get("sourceIPAddress") or "",
    )


_ROLE_SESSION = re.compile(r"arn:[^:]+:sts::(\d{12}):assumed-role/([^/]+)/.+")
_ROLE = re.compile(r"arn:[^:]+:iam::(\d{12}):role/(?:.+/)?([^/]+)")


def role_of(arn: str) -> tuple[str, str] | None:
    """Account and name of the role in the ARN of a role or a role session; None for any other principal."""
    match = _ROLE_SESSION.fullmatch(arn) or _ROLE.fullmatch(arn)
    return (match[1], match[2]) if match else None


def is_own(event: Mapping[str, Any] | None, own_arn: str) -> bool:
    """Whether the role that we run as (`own_arn`, from sts:GetCallerIdentity), or an operator's role, caused `event`.

    Roles are compared, not sessions: all our functions may share a role, and a fix by one of them must not be
    undone by another. The roles of OPERATOR_ROLES in the same account are ours too: what `heal` and the responder fix
    must not be undone. Only a role can be our own; a person's credentials never silence a fix.
    """
    identity = detail_of(event).get("userIdentity") or {}
    issuer = ((identity.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn") or ""
    theirs, own = role_of(issuer) or role_of(identity.get("arn") or ""), role_of(own_arn)
    if theirs is None:
        return False
    account = own_arn.split(":")[4] if own_arn.count(":") >= 4 else ""
    return theirs == own or (theirs[0] == account and theirs[1] in OPERATOR_ROLES)


def principal_of(record: Mapping[str, Any]) -> str:
    """The principal of a CloudTrail record: the role of a session, or else the user, the root user or the service.

    Empty when the record has none. For a session it is the role's ARN with its path, because callers choose the name
    of a session themselves.
    """
    identity = record.get("userIdentity") or {}
    issuer = ((identity.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn")
    return str(issuer or identity.get("arn") or identity.get("invokedBy") or "")
