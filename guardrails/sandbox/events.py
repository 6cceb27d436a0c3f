"""Converts an API call to its CloudTrail record, and the record to its EventBridge event.

What is recorded is data, calls.yaml. The shapes were checked against published records: security groups and
their `securityGroupRuleSet`, ModifySecurityGroupRules, DeleteFlowLogs, ModifySnapshotAttribute, PutEventSelectors,
PutBucketPublicAccessBlock, PutBucketAcl.
"""
from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import jmespath

from . import wire
from .catalogue import JSON, QUERY, calls, path_patterns
from .identity import Caller

_SOURCES = {"s3control": "s3"}
_GLOBAL = {"iam"}  # its records are made in us-east-1
_PROTOCOLS = {
    "ec2": "ec2", "iam": "query", "rds": "query", "cloudtrail": "json", "kms": "json", "config": "json",
    "s3": "rest-xml", "s3control": "rest-xml", "guardduty": "rest-json",
}


@dataclass(frozen=True)
class Call:
    """An API call and moto's response.

    service and operation are calls.yaml's names; time is ISO 8601 in UTC; path has no function prefix.
    """

    service: str
    operation: str
    caller: Caller
    region: str
    time: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    answer: bytes = b""


def record(call: Call) -> dict[str, Any]:
    """The CloudTrail record of `call`; a failed call has errorCode and errorMessage but no response."""
    entry = calls()[call.service][call.operation]
    region = "us-east-1" if call.service in _GLOBAL else call.region
    request_id = call.answer_headers.get("x-amzn-requestid") or str(uuid.uuid4())
    failed = call.status >= 300
    return {
        "eventVersion": "1.11",
        "userIdentity": call.caller.user_identity(call.time),
        "eventTime": call.time,
        "eventSource": f"{_SOURCES.get(call.service, call.service)}.amazonaws.com",
        "eventName": call.operation,
        "awsRegion": region,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": call.headers.get("User-Agent", ""),
        **(_error(call) if failed else {}),
        "requestParameters": _request(call, entry) or None,
        "responseElements": None if failed else _response(call, entry, request_id) or None,
        "requestID": request_id,
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": call.caller.account,
        "eventCategory": "Management",
    }


def resources_of(made: Mapping[str, Any]) -> list[dict[str, str]]:
    """The resources that a record is about, as LookupEvents lists them: ResourceType and ResourceName."""
    source = str(made["eventSource"]).partition(".")[0]
    entry = calls().get(source, {}).get(made["eventName"]) or {}
    found = []
    for kind, path in (entry.get("resources") or {}).items():
        names = jmespath.search(path, made)
        for name in names if isinstance(names, list) else [names]:
            resource = {"ResourceType": kind, "ResourceName": name}
            if name and resource not in found:
                found.append(resource)
    return found


# -- request ----------------------------------------------------------------------------------------------------


def _request(call: Call, entry: Mapping[str, Any]) -> wire.Parameters:
    if call.service in QUERY:
        return _query_request(call, entry)
    if call.service in JSON:
        return _without(wire.lower_keys(wire.read_json(call.body)), entry)
    if call.service == "s3":
        return _bucket_request(call)
    if call.service == "s3control":
        account = call.headers.get("X-Amz-Account-Id", call.caller.account)
        return {"accountId": account, **wire.read_xml(call.body)}
    return {**_path_parameters(call), **wire.lower_keys(wire.read_json(call.body))}


def _query_request(call: Call, entry: Mapping[str, Any]) -> wire.Parameters:
    shape = wire.service_model(call.service).operation_model(call.operation).input_shape
    fields = dict(parse_qsl(call.body.decode(errors="replace") or call.query, keep_blank_values=True))
    if shape is None:
        return {}
    read = wire.read_query(shape, fields, ec2=call.service == "ec2") or {}
    if call.service != "ec2":
        return _without(wire.spell(shape, read, ec2=False), entry)
    if entry.get("wrapped"):
        return {f"{call.operation}Request": wire.spell_wrapped(shape, read)}
    renames = {"TagSpecifications": ["tagSpecificationSet"], **(entry.get("rename") or {})}
    spelled = wire.spell(shape, {name: value for name, value in read.items() if name not in renames}, ec2=True)
    for name in read.keys() & renames.keys():
        new_name, *item_name = renames[name]
        value = wire.spell(shape.members[name], read[name], ec2=True)
        if item_name:  # a list of plain values: each is an object here
            value = {"items": [{item_name[0]: item} for item in read[name]]}
        spelled[new_name] = value
    if "IpPermissions" in shape.members:
        spelled.setdefault("ipPermissions", {})
    odd = _ODD_REQUESTS.get(call.operation)
    return odd(spelled) if odd else spelled


def _run_instances(spelled: wire.Parameters) -> wire.Parameters:
    one = {name: spelled.pop(name) for name in ("imageId", "minCount", "maxCount", "keyName") if name in spelled}
    return {"instancesSet": {"items": [one]}, **spelled}


def _image_permission(spelled: wire.Parameters) -> wire.Parameters:
    return _permission(spelled, "launchPermission", "launchPermission")


def _snapshot_permission(spelled: wire.Parameters) -> wire.Parameters:
    return _permission(spelled, "createVolumePermission", "CREATE_VOLUME_PERMISSION")


def _permission(spelled: wire.Parameters, member: str, attribute: str) -> wire.Parameters:
    """Both forms of a permission in a request (groups and users, or a structure) are recorded as the structure."""
    groups = spelled.pop("userGroup", {}).get("items", [])
    users = spelled.pop("userId", {}).get("items", [])
    operation = spelled.pop("operationType", None)
    given = spelled.pop("attribute", "")
    items = [{"group": group} for group in groups] + [{"userId": user} for user in users]
    if items:
        spelled[member] = {operation or "add": {"items": items}}
    return {**spelled, "attributeType": attribute if member in spelled else given}


_ODD_REQUESTS = {
    "RunInstances": _run_instances,
    "ModifyImageAttribute": _image_permission,
    "ModifySnapshotAttribute": _snapshot_permission,
}


def _bucket_request(call: Call) -> wire.Parameters:
    bucket = call.path.strip("/")
    flag = call.query.partition("=")[0]
    request: wire.Parameters = {"bucketName": bucket, "Host": call.headers.get("Host", "")}
    if flag:
        request[flag] = ""
    if "X-Amz-Acl" in call.headers:
        request["x-amz-acl"] = call.headers["X-Amz-Acl"]
    grants = {
        name.lower(): value for name, value in call.headers.items() if name.startswith("X-Amz-Grant-")
    }
    if grants:
        request["accessControlList"] = grants
    if flag == "policy":
        return {**request, **({"bucketPolicy": wire.read_json(call.body)} if call.body else {})}
    return {**request, **wire.read_xml(call.body)}


def _path_parameters(call: Call) -> wire.Parameters:
    for method, pattern, operation in path_patterns(call.service):
        match = pattern.fullmatch(call.path)
        if match and (method, operation) == (call.method, call.operation):
            return match.groupdict()
    return {}


# -- answer -----------------------------------------------------------------------------------------------------


def _response(call: Call, entry: Mapping[str, Any], request_id: str) -> wire.Parameters:
    member = entry.get("response")
    if member is False or call.service in {"s3", "s3control"}:
        return {}
    if call.service not in QUERY:
        return _without(wire.lower_keys(wire.read_json(call.answer)), entry)
    shape = wire.service_model(call.service).operation_model(call.operation).output_shape
    read = wire.read_answer(_PROTOCOLS[call.service], call.status, call.answer_headers, call.answer, shape)
    spelled = wire.spell(shape, read, ec2=call.service == "ec2") if shape else {}
    if call.service != "ec2":
        return _without(spelled[member] if member else spelled, entry)
    if entry.get("wrapped"):
        document = {"xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/", "requestId": request_id}
        for name, part in (shape.members if shape else {}).items():
            if part.type_name == "list":  # an empty one is an empty element
                document[wire.lower_first(part.serialization.get("name", name))] = ""
        return {f"{call.operation}Response": {**document, **_as_xml(spelled)}}
    if "return" in spelled or shape is None:
        spelled["_return"] = spelled.pop("return", True)
    return {"requestId": request_id, **spelled}


def _as_xml(spelled: wire.Parameters) -> wire.Parameters:
    """Lists as in XML: `item`, one as an object and several as a list."""
    shown: wire.Parameters = {}
    for name, value in spelled.items():
        if isinstance(value, dict):
            items = value.get("items", [])
            shown[name] = {"item": items[0] if len(items) == 1 else items} if items else ""
        else:
            shown[name] = value
    return shown


def _error(call: Call) -> dict[str, str]:
    protocol = _PROTOCOLS[call.service]
    error = wire.read_answer(protocol, call.status, call.answer_headers, call.answer, None).get("Error", {})
    code = str(error.get("Code", call.status))
    return {
        "errorCode": f"Client.{code}" if call.service == "ec2" else code,
        "errorMessage": str(error.get("Message", "")),
    }


def _without(document: wire.Parameters, entry: Mapping[str, Any]) -> wire.Parameters:
    """`document` without the members that CloudTrail does not record, such as passwords, at any depth."""
    hidden = set(entry.get("hide") or ())
    return {
        key: _without(value, entry) if isinstance(value, dict) else value
        for key, value in document.items() if key not in hidden
    }
