"""Reads AWS's wire formats and converts them to CloudTrail's spelling.

CloudTrail's spelling follows from the wire by rule. JSON services: the same document, the first letter of each
key in lower case. Query services (EC2, IAM, RDS): the wire's names, first letter in lower case, typed by the
service model; EC2's lists are `{"items": [...]}`. S3: the XML document as it is. Everything here is a function
of its arguments; which calls are recorded, and their exceptions, are in calls.yaml and events.py.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from xml.etree import ElementTree

import botocore.parsers
import botocore.session
from botocore.model import ServiceModel, Shape

Parameters = dict[str, Any]

_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of `service`; loading EC2's takes about a quarter of a second, once."""
    return botocore.session.Session().get_service_model(service)


def lower_first(name: str) -> str:
    """CloudTrail's form of a name: DBInstanceIdentifier is dBInstanceIdentifier there."""
    return name[:1].lower() + name[1:]


def upper_first(name: str) -> str:
    """The wire's form of a name whose model has it in lower case."""
    return name[:1].upper() + name[1:]


# -- query requests ---------------------------------------------------------------------------------------------


def read_query(shape: Shape, fields: Mapping[str, str], ec2: bool, prefix: str = "") -> Any:
    """The value of `shape` from the flat fields of a query request; None when no field belongs to it.

    Members keep the model's names: `IpPermissions.1.FromPort=22` gives {"IpPermissions": [{"FromPort": 22}]}.
    """
    if shape.type_name == "structure":
        read = {
            name: read_query(member, fields, ec2, _join(prefix, _wire_name(name, member, ec2)))
            for name, member in shape.members.items()
        }
        return {name: value for name, value in read.items() if value is not None} or None
    if shape.type_name == "list":
        return _read_query_list(shape, fields, ec2, prefix)
    if shape.type_name == "map":
        return None  # no recorded call has one
    return _typed(shape, fields[prefix]) if prefix in fields else None


def _read_query_list(shape: Shape, fields: Mapping[str, str], ec2: bool, prefix: str) -> list[Any] | None:
    if not ec2 and not shape.serialization.get("flattened"):
        prefix = _join(prefix, shape.member.serialization.get("name", "member"))
    items: list[Any] = []
    while any(field == f"{prefix}.{len(items) + 1}" or field.startswith(f"{prefix}.{len(items) + 1}.")
              for field in fields):
        items.append(read_query(shape.member, fields, ec2, f"{prefix}.{len(items) + 1}"))
    return items or None


def _wire_name(name: str, shape: Shape, ec2: bool) -> str:
    if ec2 and "queryName" in shape.serialization:
        return str(shape.serialization["queryName"])
    wire = str(shape.serialization.get("name", name))
    return upper_first(wire) if ec2 else wire


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _typed(shape: Shape, text: str) -> Any:
    if shape.type_name == "boolean":
        return text == "true"
    try:
        return int(text) if shape.type_name in {"integer", "long"} else text
    except ValueError:
        return text  # moto has rejected it; the record shows what was sent


# -- spelling ---------------------------------------------------------------------------------------------------


def spell(shape: Shape, value: Any, ec2: bool) -> Any:
    """`value` of `shape`, a query service's request or answer under the model's names, as CloudTrail spells it."""
    if isinstance(value, dict):
        if shape.type_name != "structure":
            return value
        if shape.name == "TagSpecification":  # odd: a plain list, named `tags`
            return {"resourceType": value.get("ResourceType"), "tags": lower_keys(value.get("Tags", []))}
        spelled = {
            lower_first(str(member.serialization.get("name", name)) if ec2 else name):
                spell(member, value[name], ec2)
            for name, member in shape.members.items() if name in value
        }
        if shape.name == "IpPermission":  # odd: sources that it does not have are shown as {}
            return {"groups": {}, "ipRanges": {}, "ipv6Ranges": {}, "prefixListIds": {}, **spelled}
        return spelled
    if isinstance(value, list):
        items = [spell(shape.member, item, ec2) for item in value]
        if not ec2:
            return items
        return {"items": items} if items else {}
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000) if ec2 else value.strftime("%b %-d, %Y, %-I:%M:%S %p")
    return value


def spell_wrapped(shape: Shape, value: Any) -> Any:
    """As `spell`, for the newer EC2 calls: the wire's names as they are, one item as an object, several as a list.

    Each item has a `tag`, its number; a plain value is `{"tag": 1, "content": value}`. Seen in published records
    of DeleteFlowLogs and ModifySecurityGroupRules.
    """
    if isinstance(value, dict):
        return {
            _wire_name(name, member, ec2=True): spell_wrapped(member, value[name])
            for name, member in shape.members.items() if name in value
        }
    if isinstance(value, list):
        items = []
        for number, item in enumerate(value, 1):
            inner = spell_wrapped(shape.member, item)
            items.append({**(inner if isinstance(inner, dict) else {"content": inner}), "tag": number})
        return items[0] if len(items) == 1 else items
    return value


def lower_keys(value: Any) -> Any:
    """A JSON document with the first letter of every key in lower case."""
    if isinstance(value, dict):
        return {lower_first(str(key)): lower_keys(item) for key, item in value.items()}
    return [lower_keys(item) for item in value] if isinstance(value, list) else value


# -- documents --------------------------------------------------------------------------------------------------


def read_json(body: bytes) -> Parameters:
    """A JSON object; empty for an empty body or anything else."""
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def read_xml(body: bytes) -> Parameters:
    """An XML document as S3's records show it: {root: {"xmlns": …, element: …}}; empty when there is none.

    Repeated elements become a list, `true` and `false` booleans.
    """
    if not body.strip():
        return {}
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - from a client on this machine, already read by moto
    except ElementTree.ParseError:
        return {}
    namespace, _, name = root.tag.rpartition("}")
    content = _element(root)
    if namespace and isinstance(content, dict):
        content = {"xmlns": namespace[1:], **content}
    return {name: content}


def _element(element: ElementTree.Element) -> Any:
    found: Parameters = {}
    for key, value in element.attrib.items():
        found[key.replace(_XSI, "xsi:")] = value
    for child in element:
        name, value = child.tag.rpartition("}")[2], _element(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    if found:
        return found
    text = (element.text or "").strip()
    return {"true": True, "false": False}.get(text, text)


def read_answer(protocol: str, status: int, headers: Mapping[str, str], body: bytes, shape: Shape | None) -> Parameters:
    """An answer under the model's names, as a client would get it; a failed call's has `Error`."""
    parser = botocore.parsers.create_parser(protocol)
    answer = {"status_code": status, "headers": headers, "body": body}
    parsed = parser.parse(answer, shape)
    return {key: value for key, value in parsed.items() if key != "ResponseMetadata"}
