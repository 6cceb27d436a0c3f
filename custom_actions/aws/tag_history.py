"""Who set a tag of an EC2 resource, and what a tag was before a change, from CloudTrail's event history.

A tag can switch a fix on or off. So who set it decides whether a fix may open something because of it.

Source: CloudTrail's records of EC2's CreateTags, DeleteTags, CreateSecurityGroup and RunInstances.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

from .event_history import earlier_events
from .events import principal_of

MOST_RECORDS = 1000
"""How many records of a resource are read at most: 20 pages of LookupEvents, which AWS answers twice a second."""
_CREATE, _DELETE = "CreateTags", "DeleteTags"


class UnknownTag(Exception):
    """The event history does not tell what a tag was."""


def records_of(client: Any, resource: str, before: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The records of a resource before the record `before`, newest first.

    Raises UnknownTag after MOST_RECORDS of them, and ClientError.
    """
    for number, record in enumerate(islice(earlier_events(client, resource, before), MOST_RECORDS + 1)):
        if number == MOST_RECORDS:
            raise UnknownTag(f"the event history of {resource} has more than {MOST_RECORDS} events")
        yield record


def tags_set(record: Mapping[str, Any], resource: str) -> dict[str, str] | None:
    """The tags that a record gives to a resource, made with them or tagged later; None where it gives none."""
    request = record.get("requestParameters") or {}
    if record.get("eventName") == _CREATE and resource in _resources(request):
        return {str(tag["key"]): str(tag.get("value") or "") for tag in _items(request.get("tagSet"))}
    if creates(record, resource):
        return {
            str(tag["key"]): str(tag.get("value") or "")
            for each in _items(request.get("tagSpecificationSet")) for tag in _items(each.get("tags"))
        }
    return None


def creates(record: Mapping[str, Any], resource: str) -> bool:
    """Whether the record made the resource: a security group or an instance."""
    answer = record.get("responseElements") or {}
    if record.get("eventName") == "CreateSecurityGroup":
        return bool(answer.get("groupId") == resource)
    if record.get("eventName") == "RunInstances":
        return any(each.get("instanceId") == resource for each in _items(answer.get("instancesSet")))
    return False


def distrusted_tag(
    records: Iterable[Mapping[str, Any]], resource: str, tag: str, allowed: Sequence[str]
) -> str:
    """Why a resource's tag may not be relied on; empty when it may.

    A tag may be relied on that a principal in `allowed` (ARNs, with `*` and `?`) set last, or the root user, whom no
    policy limits; and one that was set before the event history begins (90 days).

    Args:
        records: those of the resource, newest first. May raise UnknownTag.
    """
    try:
        for record in records:
            if tag in (tags_set(record, resource) or {}):
                principal = principal_of(record)
                root = (record.get("userIdentity") or {}).get("type") == "Root"
                if root or (principal and any(fnmatchcase(principal, pattern) for pattern in allowed)):
                    return ""
                return f"the tag {tag} was set by {principal or 'nobody that the event names'}, who may not set it"
            if creates(record, resource):
                return f"no event says who set the tag {tag}"
    except UnknownTag as unknown:
        return f"who set the tag {tag} is not known: {unknown}"
    return ""


def tags_before(records: Sequence[Mapping[str, Any]], resource: str, keys: Iterable[str]) -> dict[str, str | None]:
    """What tags of a resource were, by its records, newest first: the value, or None where it had no such tag.

    A key is left out where the records do not tell: it may have been set before the event history begins.
    """
    found: dict[str, str | None] = {}
    wanted = set(keys)
    for record in reversed(records):
        if creates(record, resource):
            found.update(dict.fromkeys(wanted))
        found.update({key: value for key, value in (tags_set(record, resource) or {}).items() if key in wanted})
        for key, value in (removed_tags(record, resource, wanted) or {}).items():
            if value is None or found.get(key) == value:
                found[key] = None
            elif key not in found:
                continue  # only where the value was this one, and nobody knows what it was
    return found


def removed_tags(
    record: Mapping[str, Any], resource: str, keys: Iterable[str]
) -> dict[str, str | None] | None:
    """The tags among `keys` that a DeleteTags takes away, each with the value on which that depends.

    None where the record takes nothing from the resource. Without a list of tags, DeleteTags deletes them all.
    """
    request = record.get("requestParameters") or {}
    if record.get("eventName") != _DELETE or resource not in _resources(request):
        return None
    listed = _items(request.get("tagSet"))
    if not listed:
        return dict.fromkeys(keys)
    return {str(tag["key"]): tag.get("value") for tag in listed if tag["key"] in set(keys)}


def moment(time: datetime) -> dict[str, str]:
    """What `records_of` takes for every record until a time."""
    return {"eventTime": time.isoformat()}


def _resources(request: Mapping[str, Any]) -> set[str]:
    return {str(each.get("resourceId")) for each in _items(request.get("resourcesSet"))}


def _items(container: Any) -> list[Mapping[str, Any]]:
    if isinstance(container, Mapping):
        container = container.get("items", [])
    return list(container or [])
