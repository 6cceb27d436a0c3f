"""The calls that read items: history, discovered resources, queries."""
from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from . import forms
from .errors import ConfigError
from .paging import answer, page
from .place import Place

Json = dict[str, Any]
_SELECT = re.compile(r"\s*select\s+(?P<fields>[\w\s,.*]+?)\s+where\s+(?P<where>.+?)\s*", re.IGNORECASE | re.DOTALL)
_TYPE = re.compile(r"resourceType\s*=\s*'(?P<type>[\w:]+)'", re.IGNORECASE)


def get_resource_config_history(place: Place, request: Json) -> Json:
    """A resource's items within a span of time, newest first by default."""
    items = place.history.items(request["resourceType"], request["resourceId"])
    if not items:
        raise ConfigError(
            "ResourceNotDiscoveredException",
            f"Resource {request['resourceId']} of resourceType:{request['resourceType']} is unknown or has not been "
            "discovered",
        )
    earliest = _time(request.get("earlierTime"), datetime.min.replace(tzinfo=UTC))
    latest = _time(request.get("laterTime"), datetime.max.replace(tzinfo=UTC))
    if earliest > latest:
        raise ConfigError("InvalidTimeRangeException", "The earlier time is after the later time")
    found = [item for item in items if earliest <= item.captured <= latest]
    if request.get("chronologicalOrder", "Reverse") == "Reverse":
        found.reverse()
    rows, token = page(found, request.get("limit"), request.get("nextToken"), default=10)
    return answer("configurationItems", [forms.in_history(item) for item in rows], "nextToken", token)


def list_discovered_resources(place: Place, request: Json) -> Json:
    """The resources of a type that are recorded."""
    ids, name = request.get("resourceIds") or (), request.get("resourceName")
    if ids and name:
        raise ConfigError("InvalidParameterValueException", "Specify either resource IDs or a resource name, not both")
    found = [
        item for item in place.history.newest(request["resourceType"])
        if (not item.deleted or request.get("includeDeletedResources"))
        and (not ids or item.resource.id in ids) and name in (None, item.resource.name)
    ]
    rows, token = page(found, request.get("limit"), request.get("nextToken"), default=100)
    return answer("resourceIdentifiers", [
        {
            "resourceType": item.resource.type, "resourceId": item.resource.id,
            **({"resourceName": item.resource.name} if item.resource.name else {}),
            **({"resourceDeletionTime": item.captured.timestamp()} if item.deleted else {}),
        } for item in rows
    ], "nextToken", token)


def batch_get_resource_config(place: Place, request: Json) -> Json:
    """The newest item of several resources."""
    keys = request["resourceKeys"]
    if not 0 < len(keys) <= 100:
        raise ConfigError("ValidationException", "resourceKeys must have length from 1 to 100")
    found = [(key, place.history.last(key["resourceType"], key["resourceId"])) for key in keys]
    return {
        "baseConfigurationItems": [forms.in_batch(item) for _, item in found if item],
        "unprocessedResourceKeys": [key for key, item in found if item is None],
    }


def select_resource_config(place: Place, request: Json) -> Json:
    """The only supported form of query: fields of all resources of a type."""
    match = _SELECT.fullmatch(request["Expression"])
    of = _TYPE.fullmatch(match["where"]) if match else None
    if match is None or of is None:
        raise ConfigError("InvalidExpressionException", (
            "the sandbox answers `select <fields> where resourceType = '<type>'` only, not "
            + (f"the condition: {match['where']}" if match else f"this: {request['Expression']}")
        ))
    fields = [field.strip() for field in match["fields"].split(",")]
    items = [forms.in_query(item) for item in place.history.newest(of["type"]) if not item.deleted]
    unknown = [field for field in fields if items and field != "*" and field.partition(".")[0] not in items[0]]
    if unknown:
        raise ConfigError("InvalidExpressionException", f"the sandbox has no field {', '.join(unknown)}")
    rows, token = page(items, request.get("Limit"), request.get("NextToken"), default=25)
    results = [json.dumps({name: item[name] for name in _names(fields, item)}) for item in rows]
    return {
        **answer("Results", results, "NextToken", token),
        "QueryInfo": {"SelectFields": [{"Name": field} for field in fields]},
    }


def _names(fields: list[str], item: Json) -> list[str]:
    return list(item) if "*" in fields else list(dict.fromkeys(field.partition(".")[0] for field in fields))


def _time(seconds: float | None, default: datetime) -> datetime:
    return default if seconds is None else datetime.fromtimestamp(seconds, UTC)
