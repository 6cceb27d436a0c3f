"""Raises an error for a successful HTTP response that does not come from AWS, instead of reading it as empty.

A captive portal or a proxy may answer with status 200 and a page of its own. botocore looks only for the members that
it knows, finds none, and returns an empty result: there are no buckets, so no bucket is public. This check compares
each successful response with what the API's protocol allows before botocore parses it:

| protocol | what a response must be |
|---|---|
| query, ec2 | XML with the root element `<Operation>Response`, and in it `<Operation>Result` where the API has one |
| rest-xml | XML; if its root has elements, at least one that the operation returns; never HTML |
| json, rest-json | a JSON object; if it has members, at least one that the operation returns |
| smithy-rpc-v2-cbor | a CBOR map |

An empty response is accepted where AWS sends one: for status 204, for HEAD, for operations that return nothing in the
body, and for operations that change something. Streams and plain texts, such as an object in S3, are not checked. Of a
call in rest-xml that returns nothing in the body, only HTML is refused.

Sources: Smithy's specifications of the AWS protocols (awsQuery, ec2Query, restXml, awsJson1_1, restJson1, rpcv2Cbor).
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from botocore import handlers
from botocore.model import OperationModel, Shape
from botocore.parsers import ResponseParserError

from ..vocabulary import is_read

_EVENT = "before-parse"
_HTML = re.compile(rb"(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+)?html\b", re.IGNORECASE)
_CHUNK = 4096
_SHOWN = 100
"""Characters of a response that an error shows."""


class NotFromAws(ResponseParserError):
    """A response with a status of success that AWS cannot have sent. It says nothing about the resources."""


def install() -> None:
    """Let every new session of botocore check responses. Calling it again has no effect."""
    if (_EVENT, check) not in handlers.BUILTIN_HANDLERS:
        handlers.BUILTIN_HANDLERS.append((_EVENT, check))


def check(operation_model: OperationModel, response_dict: dict[str, Any], **_: Any) -> None:
    """Raise NotFromAws if the response cannot be one of AWS to this operation. Called by botocore before it parses.

    Args:
        operation_model: botocore's model of the operation.
        response_dict: the response: `status_code`, `headers` and `body`.
    """
    status, body = response_dict["status_code"], response_dict["body"]
    if not 200 <= status < 300 or status == 204 or operation_model.http.get("method") == "HEAD":
        return
    if not isinstance(body, bytes) or _is_free(operation_model.output_shape):
        return
    if problem := _problem(operation_model, body.strip()):
        service = operation_model.service_model.service_name
        raise NotFromAws(
            f"{service}:{operation_model.name}: the response has status {status} but is not from AWS: {problem}. Check "
            f"whether a proxy or a login page answers in place of AWS. It begins with {body[:_SHOWN]!r}")


def _is_free(shape: Shape | None) -> bool:
    """Whether the body is a text or bytes of any content."""
    payload = shape.serialization.get("payload") if shape is not None else None
    return bool(payload) and shape.members[payload].type_name in ("blob", "string")  # type: ignore[union-attr]


def _problem(operation: OperationModel, body: bytes) -> str:
    protocol = operation.service_model.resolved_protocol
    known = _members_in_body(operation.output_shape)
    if protocol in ("query", "ec2"):
        return _not_query(operation, body)
    if not body:
        return "it is empty" if known and is_read(operation.name) else ""
    if protocol == "rest-xml":
        return _not_rest_xml(body, known)
    if protocol == "smithy-rpc-v2-cbor":
        # CBOR's major type 5; botocore parses the rest strictly.
        return "" if body[0] >> 5 == 5 else "it is not a CBOR map"
    return _not_json(body, known)


def _members_in_body(shape: Shape | None) -> frozenset[str]:
    """The names, as sent, of what an operation returns in the body; empty if anything may be there."""
    if shape is None:
        return frozenset()
    if payload := shape.serialization.get("payload"):
        shape = shape.members[payload]
    if shape.type_name != "structure" or getattr(shape, "is_document_type", False):
        return frozenset()
    return frozenset(
        _sent_name(name, member) for name, member in shape.members.items()
        if member.serialization.get("location") is None)


def _sent_name(name: str, member: Shape) -> str:
    if member.type_name == "list" and member.serialization.get("flattened"):
        name = member.member.serialization.get("name") or name
    return str(member.serialization.get("name") or name)


def _not_query(operation: OperationModel, body: bytes) -> str:
    shape = operation.output_shape
    wrapper = shape.serialization.get("resultWrapper") if shape is not None else None
    expected = f"{operation.wire_name}Response"
    try:
        for depth, name in _outer_elements(body):
            if depth == 0 and name != expected:
                return f"its root element is {name[:_SHOWN]}, not {expected}"
            if name == wrapper or not wrapper:
                return ""
    except ElementTree.ParseError as error:
        return f"it is not XML: {error}"
    return f"it has no element {wrapper}"


def _not_rest_xml(body: bytes, known: frozenset[str]) -> str:
    if _HTML.match(body):
        return "it is an HTML page"
    if not known:
        return ""
    names = []
    try:
        for depth, name in _outer_elements(body):
            if depth and name in known:
                return ""
            names += [name] * depth
    except ElementTree.ParseError as error:
        return f"it is not XML: {error}"
    return _nothing_known(names, known)


def _outer_elements(body: bytes) -> Iterator[tuple[int, str]]:
    """The root element (0) and the elements directly in it (1), without their namespaces.

    botocore parses the same text with the same parser; the caller stops early, so that little is parsed twice.
    """
    parser: Any = ElementTree.XMLPullParser(("start", "end"))
    depth = 0
    for start in range(0, len(body), _CHUNK):
        parser.feed(body[start:start + _CHUNK])
        for event, element in parser.read_events():
            if event == "start":
                if depth < 2:
                    yield depth, str(element.tag).rpartition("}")[2]
                depth += 1
            else:
                depth -= 1
    parser.close()


def _not_json(body: bytes, known: frozenset[str]) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        return f"it is not JSON: {error}"
    if not isinstance(found, dict):
        return "" if found is None and not known else "it is not a JSON object"
    return _nothing_known(list(found), known)


def _nothing_known(names: list[str], known: frozenset[str]) -> str:
    if not names or not known or known.intersection(names):
        return ""
    return f"the operation returns none of its members: {', '.join(sorted(names))[:_SHOWN]}"
