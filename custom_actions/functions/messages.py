"""Reads the messages on the compliance topic: which policy, which resources, which event.

Anyone who may publish to the topic can write anything into a message. So a message only names what to look at; what is
fixed is decided by what AWS says of the resource.

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
"""In a policy's `metadata`: marks the responder's own alerts, which it must not answer."""
_COMPLIANCE_CHANGE = "Config Rules Compliance Change"
_NOTIFICATION = "ComplianceChangeNotification"
_LONGEST = 16_000_000
"""The largest size of an unpacked message, in bytes. 256 KB, the limit of SNS, can unpack to 250 MB."""


class Ignored(Exception):
    """A message that needs no action; the text says why."""


class Unreadable(Ignored):
    """A message in an unknown format."""


@dataclass(frozen=True)
class Verdict:
    """AWS Config has evaluated a resource as not compliant with a rule."""

    function: str
    """The rule's name, which is also the name of its function."""
    account: str
    region: str
    resource_type: str
    """As AWS Config spells it: `AWS::EC2::SecurityGroup`."""
    resource_id: str
    """AWS Config's id, which is not always c7n's."""


@dataclass(frozen=True)
class Alert:
    """The alert of a policy about resources."""

    policy: str
    account: str
    region: str
    resources: tuple[Mapping[str, Any], ...]
    event: Mapping[str, Any] | None
    """The event that a realtime policy answered."""


def texts(event: Any) -> Iterator[str]:
    """The messages of an SNS event, one for each record; none for anything else."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    for record in records if isinstance(records, list) else ():
        if isinstance(record, Mapping) and isinstance(record.get("Sns"), Mapping):
            yield str(record["Sns"].get("Message", ""))


def read_message(text: str) -> Verdict | Alert:
    """What a message is about. Raises Ignored when it needs no action, and Unreadable for an unknown format."""
    return _verdict(_object(text)) if text.lstrip().startswith("{") else _alert(_unpacked(text))


def _verdict(message: Mapping[str, Any]) -> Verdict:
    detail: Any = message
    if message.get("detail-type") == _COMPLIANCE_CHANGE and message.get("source") == "aws.config":
        detail = message.get("detail")
    if not isinstance(detail, Mapping) or detail.get("messageType") != _NOTIFICATION:
        kind = message.get("detail-type") or message.get("messageType")
        raise Unreadable(f"neither a compliance change of AWS Config nor a policy's alert: {str(kind)[:100]!r}")
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
        raise Unreadable("an alert must have a policy")
    name = _text(policy, "name")
    metadata = policy.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get(MARK) == MARKED:
        raise Ignored(f"{name}: this is the responder's own alert")
    resources = message.get("resources") or []
    if not isinstance(resources, list) or not all(isinstance(each, Mapping) for each in resources):
        raise Unreadable(f"{name}: the resources of an alert must be a list of objects")
    event = message.get("event")
    return Alert(
        name, _text(message, "account_id"), _text(message, "region"), tuple(resources),
        event if isinstance(event, Mapping) else None)


def _text(of: Mapping[str, Any], name: str) -> str:
    found = of.get(name)
    if not isinstance(found, str) or not found:
        raise Unreadable(f"{name} is missing, or is not a string")
    return found


def _unpacked(text: str) -> Mapping[str, Any]:
    try:
        unpacking = zlib.decompressobj()
        unpacked = unpacking.decompress(base64.b64decode(text, validate=True), _LONGEST)
        if unpacking.unconsumed_tail:
            raise Unreadable(f"it unpacks to more than {_LONGEST} bytes")
        return _object(unpacked.decode())
    except (ValueError, zlib.error) as error:
        raise Unreadable(f"neither JSON nor an alert of c7n's notify: {text[:100]!r}") from error


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is not JSON: {text[:100]!r}") from error
    if not isinstance(found, Mapping):
        raise Unreadable(f"it is not a JSON object: {text[:100]!r}")
    return found
