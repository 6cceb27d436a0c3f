"""What AWS Config recorded about a resource: its versions, its compliance, and its last compliant version.

A version is a configuration item of the resource. Compliance is recorded separately, as items of the resource type
AWS::Config::ResourceCompliance, one for each change of a rule's evaluation of the resource. Only the times show which
evaluation belongs to which version. An evaluation comes after its version, often by minutes, so a version that existed
while the evaluation was still COMPLIANT may be the one that ended it. A version counts as compliant when

* the evaluation became COMPLIANT while the version existed, and did not change again within `SETTLED` in that time, or
* the version existed for `SETTLED` while the evaluation was COMPLIANT: a different one would have arrived by then.

Source: AWS Config's GetResourceConfigHistory, and "Viewing compliance history".
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .calls import call

PERMISSIONS = ("config:GetResourceConfigHistory",)
COMPLIANCE = "AWS::Config::ResourceCompliance"
SETTLED = timedelta(minutes=15)

_COMPLIANT = "COMPLIANT"
_RECORDED = ("OK", "ResourceDiscovered")
"""The statuses of an item with a configuration; the others mean that the resource is deleted or not recorded."""

Item = Mapping[str, Any]


class NoCompliantVersion(Exception):
    """AWS Config has recorded no compliant version of a resource; the message says why."""


@dataclass(frozen=True)
class Version:
    """A recorded version of a resource; it has no configuration when the item records none."""

    at: datetime
    configuration: Mapping[str, Any] | None


@dataclass(frozen=True)
class Stretch:
    """A period in which the evaluation was COMPLIANT; `end` is None when it still is."""

    start: datetime
    end: datetime | None


def last_compliant(client: Any, resource_type: str, resource_id: str, *, rule: str = "") -> Version:
    """The newest version of a resource that AWS Config recorded as compliant.

    Args:
        client: boto3's config client.
        rule: the rule whose evaluations count; when empty, all rules together.

    Raises NoCompliantVersion, and one of AWS_ERRORS when the history cannot be read.
    """
    name = f"{resource_type}/{resource_id}"
    compliance = list(history(client, COMPLIANCE, name))
    if not compliance:
        raise NoCompliantVersion(
            f"AWS Config has recorded no compliance of {name}: no rule has evaluated it, or {COMPLIANCE} is not "
            "recorded")
    times = stretches(compliance, rule)
    by = f"the rule {rule}" if rule else "the rules"
    if not times:
        raise NoCompliantVersion(f"{by} never found {name} compliant, as far as AWS Config has recorded")
    versions = (version_of(item) for item in history(client, resource_type, resource_id))
    found = newest_compliant(versions, times, datetime.now(UTC))
    if found is None:
        raise NoCompliantVersion(
            f"AWS Config holds no version of {name} that {by} found compliant, or that stayed compliant for "
            f"{SETTLED.seconds // 60} minutes")
    return found


def history(client: Any, resource_type: str, resource_id: str) -> Iterator[Item]:
    """The items of a resource, newest first; none when AWS Config does not know it. Raises one of AWS_ERRORS."""
    token: dict[str, str] = {}
    while True:
        try:
            page = call(
                client.get_resource_config_history, resourceType=resource_type, resourceId=resource_id,
                chronologicalOrder="Reverse", limit=100, **token,
            )
        except client.exceptions.ResourceNotDiscoveredException:
            return
        yield from page["configurationItems"]
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}


def version_of(item: Item) -> Version:
    """The version in a configuration item of the API, whose `configuration` is a JSON string."""
    recorded = item.get("configurationItemStatus", "OK") in _RECORDED
    return Version(item["configurationItemCaptureTime"], _configuration(item) if recorded else None)


def stretches(compliance: Iterable[Item], rule: str = "") -> list[Stretch]:
    """The periods of COMPLIANT evaluation, oldest first. `compliance`: items of AWS::Config::ResourceCompliance."""
    found: list[Stretch] = []
    since: datetime | None = None
    for item in sorted(compliance, key=lambda item: item["configurationItemCaptureTime"]):
        at = item["configurationItemCaptureTime"]
        compliant = _verdict(item, rule) == _COMPLIANT
        if compliant and since is None:
            since = at
        elif not compliant and since is not None:
            found.append(Stretch(since, at))
            since = None
    return [*found, Stretch(since, None)] if since else found


def newest_compliant(versions: Iterable[Version], times: Iterable[Stretch], now: datetime) -> Version | None:
    """The first of `versions`, newest first, that was compliant; None when none was."""
    times = list(times)
    until: datetime | None = None
    for version in versions:
        if version.configuration and any(_proves(time, version.at, until, now) for time in times):
            return version
        until = version.at
    return None


def _proves(time: Stretch, start: datetime, until: datetime | None, now: datetime) -> bool:
    """Whether the COMPLIANT evaluation of this period is about the version that existed from `start` until `until`."""
    stood_until, held_until = until or now, time.end or now
    if min(stood_until, held_until) - max(start, time.start) >= SETTLED:
        return True
    came_while_it_stood = start <= time.start and (until is None or time.start < until)
    taken_back = time.end is not None and (until is None or time.end <= until)
    return came_while_it_stood and not taken_back


def _verdict(item: Item, rule: str) -> str:
    """The compliance in an item, of all rules or of one; empty when there is none."""
    if item.get("configurationItemStatus", "OK") not in _RECORDED:
        return ""
    told = _configuration(item)
    if not rule:
        return str(told.get("complianceType") or "")
    return next((
        str(entry.get("complianceType") or "")
        for entry in told.get("configRuleList") or () if entry.get("configRuleName") == rule
    ), "")


def _configuration(item: Item) -> Mapping[str, Any]:
    configuration = item.get("configuration") or {}
    loaded = json.loads(configuration) if isinstance(configuration, str) else configuration
    return loaded if isinstance(loaded, Mapping) else {}
