"""Who set a tag of an EC2 resource, and its value before a change, from CloudTrail's event history.

A tag can switch a fix on or off. So a fix that adds access because of a tag first checks who set the tag.

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
"""The largest number of records of a resource to read: 20 pages of LookupEvents, which allows two requests a second."""
_CREATE, _DELETE = "CreateTags", "DeleteTags"


class UnknownTag(Exception):
    """The event history does not show the earlier value of a tag."""


def records_of(client: Any, resource: str, before: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The records of a resource before the record `before`, newest first.

    Raises UnknownTag if there are more than MOST_RECORDS, and ClientError.
    """
    for number, record in enumerate(islice(earlier_events(client, resource, before), MOST_RECORDS + 1)):
        if number == MOST_RECORDS:
            raise UnknownTag(f"the event history of {resource} has more than {MOST_RECORDS} events")
        yield record


def tags_set(record: Mapping[str, Any], resource: str) -> dict[str, str] | None:
    """The tags that the call in a record set on a resource, by CreateTags or at its creation; None if it set none."""
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
    """Whether the call in the record created the resource, which is a security group or an instance."""
    answer = record.get("responseElements") or {}
    if record.get("eventName") == "CreateSecurityGroup":
        return bool(answer.get("groupId") == resource)
    if record.get("eventName") == "RunInstances":
        return any(each.get("instanceId") == resource for each in _items(answer.get("instancesSet")))
    return False


def distrusted_tag(
    records: Iterable[Mapping[str, Any]], resource: str, tag: str, allowed: Sequence[str]
) -> str:
    """Why a resource's tag must not be trusted; empty if it can be trusted.

    A tag is trusted if it was last set by a principal in `allowed` (ARNs, with the wildcards `*` and `?`), by the root
    user, whom IAM policies do not limit, or before the event history begins (90 days).

    Args:
        records: the records of the resource, newest first. Reading them may raise UnknownTag.
    """
    try:
        for record in records:
            if tag in (tags_set(record, resource) or {}):
                principal = principal_of(record)
                root = (record.get("userIdentity") or {}).get("type") == "Root"
                if root or (principal and any(fnmatchcase(principal, pattern) for pattern in allowed)):
                    return ""
                return f"the tag {tag} was set by {principal or 'an unknown principal'}, who is not allowed to set it"
            if creates(record, resource):
                return f"no event shows who set the tag {tag}"
    except UnknownTag as unknown:
        return f"it is unknown who set the tag {tag}: {unknown}"
    return ""


def tags_before(records: Sequence[Mapping[str, Any]], resource: str, keys: Iterable[str]) -> dict[str, str | None]:
    """The last values of tags of a resource according to its records: the value, or None if it had no such tag.

    `records` are newest first. A key is left out if they do not show its value: it may have been set before the event
    history begins.
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
                continue  # DeleteTags with a value deletes only a tag with that value, and the value is unknown
    return found


def removed_tags(
    record: Mapping[str, Any], resource: str, keys: Iterable[str]
) -> dict[str, str | None] | None:
    """The tags among `keys` that a DeleteTags removes, each with the value that the tag must have; None for any value.

    The result is None if the record removes no tags of the resource. DeleteTags without a list deletes all tags.
    """
    request = record.get("requestParameters") or {}
    if record.get("eventName") != _DELETE or resource not in _resources(request):
        return None
    listed = _items(request.get("tagSet"))
    if not listed:
        return dict.fromkeys(keys)
    return {str(tag["key"]): tag.get("value") for tag in listed if tag["key"] in set(keys)}


def moment(time: datetime) -> dict[str, str]:
    """An argument for `records_of` that selects all records before a time."""
    return {"eventTime": time.isoformat()}


def _resources(request: Mapping[str, Any]) -> set[str]:
    return {str(each.get("resourceId")) for each in _items(request.get("resourcesSet"))}


def _items(container: Any) -> list[Mapping[str, Any]]:
    if isinstance(container, Mapping):
        container = container.get("items", [])
    return list(container or [])
