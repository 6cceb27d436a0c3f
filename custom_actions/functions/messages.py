"""What a message on the compliance topic asks to be looked at.

Whoever may publish to the topic may write anything into a message, so this is reading and nothing else: which policy,
which resources, which event. Whether something is to be fixed is decided by what AWS says of the resource afterwards.

Sources: AWS Config's developer guide, "Monitoring AWS Config with Amazon EventBridge" and "Example Compliance Change
Notification"; c7n's `notify`, whose message is JSON, compressed with zlib, in base64.
"""
from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MARK, MARKED = "answered-by", "guardrails-responder"
"""In a policy's `metadata`: what it tells was told by the responder, which must not answer itself."""
_COMPLIANCE_CHANGE = "Config Rules Compliance Change"
_NOTIFICATION = "ComplianceChangeNotification"
_LONGEST = 16_000_000
"""The most bytes that a message may have when it is unpacked. SNS takes 256 KB, which could be 250 MB."""


class Ignored(Exception):
    """A message that asks for nothing; the text says why."""


class Unreadable(Ignored):
    """A message of a form that nobody should send here."""


@dataclass(frozen=True)
class Verdict:
    """AWS Config has found a resource not compliant with a rule."""

    function: str
    """The rule's name, which is its function's."""
    account: str
    region: str
    resource_type: str
    """As AWS Config spells it: `AWS::EC2::SecurityGroup`."""
    resource_id: str
    """AWS Config's id, which is not always c7n's."""


@dataclass(frozen=True)
class Alert:
    """A policy has told of resources."""

    policy: str
    account: str
    region: str
    resources: tuple[Mapping[str, Any], ...]
    event: Mapping[str, Any] | None
    """The event on which a realtime policy told."""


def texts(event: Mapping[str, Any]) -> Iterator[str]:
    """The messages that SNS hands over, one for each of its records."""
    for record in event.get("Records") or ():
        if isinstance(record, Mapping) and isinstance(record.get("Sns"), Mapping):
            yield str(record["Sns"].get("Message", ""))


def asked(text: str) -> Verdict | Alert:
    """What the message asks for. Raises Ignored when that is nothing, and Unreadable when it cannot be told."""
    return _verdict(_object(text)) if text.lstrip().startswith("{") else _alert(_unpacked(text))


def _verdict(message: Mapping[str, Any]) -> Verdict:
    detail: Any = message
    if message.get("detail-type") == _COMPLIANCE_CHANGE and message.get("source") == "aws.config":
        detail = message.get("detail")
    if not isinstance(detail, Mapping) or detail.get("messageType") != _NOTIFICATION:
        kind = message.get("detail-type") or message.get("messageType")
        raise Unreadable(f"neither a compliance change of AWS Config nor an alert of a policy: {str(kind)[:100]!r}")
    found = Verdict(
        _text(detail, "configRuleName"), _text(detail, "awsAccountId"), _text(detail, "awsRegion"),
        _text(detail, "resourceType"), _text(detail, "resourceId"))
    new = detail.get("newEvaluationResult")
    compliance = new.get("complianceType") if isinstance(new, Mapping) else None
    if compliance != "NON_COMPLIANT":
        raise Ignored(f"{found.function}: {found.resource_type} {found.resource_id} is {compliance}")
    return found


def _alert(message: Mapping[str, Any]) -> Alert:
    policy = message.get("policy")
    if not isinstance(policy, Mapping):
        raise Unreadable("an alert names its policy")
    name = _text(policy, "name")
    metadata = policy.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get(MARK) == MARKED:
        raise Ignored(f"{name}: told by the responder itself")
    resources = message.get("resources") or []
    if not isinstance(resources, list) or not all(isinstance(each, Mapping) for each in resources):
        raise Unreadable(f"{name}: the resources of an alert are a list of objects")
    event = message.get("event")
    return Alert(
        name, _text(message, "account_id"), _text(message, "region"), tuple(resources),
        event if isinstance(event, Mapping) else None)


def _text(of: Mapping[str, Any], name: str) -> str:
    found = of.get(name)
    if not isinstance(found, str) or not found:
        raise Unreadable(f"there is no {name} in it")
    return found


def _unpacked(text: str) -> Mapping[str, Any]:
    try:
        unpacking = zlib.decompressobj()
        unpacked = unpacking.decompress(base64.b64decode(text, validate=True), _LONGEST)
        if unpacking.unconsumed_tail:
            raise Unreadable(f"it has more than {_LONGEST} bytes when it is unpacked")
        return _object(unpacked.decode())
    except (ValueError, zlib.error) as error:
        raise Unreadable(f"neither JSON nor an alert of c7n's notify: {text[:100]!r}") from error


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is no JSON: {text[:100]!r}") from error
    if not isinstance(found, Mapping):
        raise Unreadable(f"it is no JSON object: {text[:100]!r}")
    return found
