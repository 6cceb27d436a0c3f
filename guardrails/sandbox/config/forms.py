"""The formats of an item: in an API's response, in a message to a rule's function, in a query's result."""
from __future__ import annotations

import json
from typing import Any

from .history import DELETED, DISCOVERED, Item
from .spelling import timestamp

Json = dict[str, Any]
VERSION = "1.3"


def in_history(item: Item) -> Json:
    """As GetResourceConfigHistory shows it: configurations as text, times as numbers."""
    return {
        **in_batch(item),
        "configurationItemMD5Hash": "",
        "tags": item.resource.tags,
        "relatedEvents": [],
        "relationships": [
            {"resourceType": kind, "resourceId": other, "relationshipName": called}
            for kind, other, called in item.resource.related
        ],
    }


def in_batch(item: Item) -> Json:
    """As BatchGetResourceConfig shows it."""
    resource = item.resource
    return _without_empty({
        "version": VERSION,
        "accountId": item.account,
        "configurationItemCaptureTime": item.captured.timestamp(),
        "configurationItemStatus": item.status,
        "configurationStateId": _state(item),
        "arn": resource.arn,
        "resourceType": resource.type,
        "resourceId": resource.id,
        "resourceName": resource.name,
        "awsRegion": item.region,
        "availabilityZone": resource.zone or "Not Applicable",
        "resourceCreationTime": resource.created.timestamp() if resource.created else None,
        "configuration": None if resource.configuration is None else _text(resource.configuration),
    }) | {"supplementaryConfiguration": {key: _text(value) for key, value in resource.supplementary.items()}}


def in_message(item: Item) -> Json:
    """As a rule's function gets it: configurations as objects, times as text."""
    resource = item.resource
    return {
        "relatedEvents": [],
        "relationships": [
            {"resourceType": kind, "resourceId": other, "resourceName": None, "name": called}
            for kind, other, called in resource.related
        ],
        "configuration": resource.configuration,
        "supplementaryConfiguration": resource.supplementary,
        "tags": resource.tags,
        "configurationItemVersion": VERSION,
        "configurationStateId": int(_state(item)),
        **_head(item),
    }


def in_summary(item: Item) -> Json:
    """As a rule's function gets it when the item is too large for a message."""
    change = {DISCOVERED: "CREATE", DELETED: "DELETE"}.get(item.status, "UPDATE")
    return {
        "changeType": change, "configurationItemVersion": VERSION, "configurationStateId": int(_state(item)),
        **_head(item),
    }


def in_query(item: Item) -> Json:
    """What SelectResourceConfig can select from, all of it objects."""
    resource = item.resource
    return {
        "accountId": item.account, "awsRegion": item.region, "arn": resource.arn, "resourceType": resource.type,
        "resourceId": resource.id, "resourceName": resource.name, "availabilityZone": resource.zone,
        "configurationItemCaptureTime": timestamp(item.captured), "configurationItemStatus": item.status,
        "configurationStateId": _state(item), "version": VERSION,
        "resourceCreationTime": timestamp(resource.created) if resource.created else None,
        "configuration": resource.configuration, "supplementaryConfiguration": resource.supplementary,
        "tags": [{"tag": f"{key}={value}", "key": key, "value": value} for key, value in resource.tags.items()],
        "relationships": [
            {"resourceType": kind, "resourceId": other, "relationshipName": called}
            for kind, other, called in resource.related
        ],
    }


def _head(item: Item) -> Json:
    resource = item.resource
    return {
        "configurationItemCaptureTime": timestamp(item.captured),
        "awsAccountId": item.account,
        "configurationItemStatus": item.status,
        "resourceType": resource.type,
        "resourceId": resource.id,
        "resourceName": resource.name or None,
        "ARN": resource.arn,
        "awsRegion": item.region,
        "availabilityZone": resource.zone or "Not Applicable",
        "configurationStateMd5Hash": "",
        "resourceCreationTime": timestamp(resource.created) if resource.created else None,
    }


def _state(item: Item) -> str:
    return str(round(item.captured.timestamp() * 1000))


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _without_empty(document: Json) -> Json:
    return {key: value for key, value in document.items() if value not in (None, "")}
