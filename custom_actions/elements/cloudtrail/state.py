"""A trail's settings and event selectors in one spelling, from any source.

The API has different names for a setting in a request (`EnableLogFileValidation`) and in a response
(`LogFileValidationEnabled`), and CloudTrail's records have both in lower camel case. Here every setting has the name
and the value of UpdateTrail's parameter. A string that is not set is empty, which is also how UpdateTrail removes it.

Source: CloudTrail's UpdateTrail, DescribeTrails, PutEventSelectors, GetEventSelectors.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Setting = bool | str

FLAGS = (
    "IncludeGlobalServiceEvents", "IsMultiRegionTrail", "EnableLogFileValidation", "IsOrganizationTrail",
    "RecursiveLogging",
)
"""Settings that are on or off; a trail with one of them off records or proves less."""
TEXTS = (
    "S3BucketName", "S3KeyPrefix", "SnsTopicName", "CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn", "KmsKeyId",
)
"""Settings with the name of a resource, or empty."""
SETTINGS = (*FLAGS, *TEXTS)

BASIC, ADVANCED = "EventSelectors", "AdvancedEventSelectors"


@dataclass(frozen=True)
class Selectors:
    """A trail's event selectors in a normalised order and spelling, so that they can be compared."""

    kind: str
    """`EventSelectors` or `AdvancedEventSelectors`; a trail has one of the two."""
    entries: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, entries: Iterable[Mapping[str, Any]]) -> Selectors:
        """From selectors in the spelling of the API; those with field selectors are advanced."""
        entries = list(entries)
        if any("FieldSelectors" in entry for entry in entries):
            return cls(ADVANCED, _sorted(_without_empty(entry) for entry in entries))
        return cls(BASIC, _sorted(_basic(entry) for entry in entries))

    def parameters(self) -> dict[str, Any]:
        """The parameters of PutEventSelectors, without the trail's name."""
        return {self.kind: list(self.entries)}

    def covers(self, other: Selectors) -> bool:
        """Whether these certainly record every event that `other` records.

        A trail records what any of its selectors selects, so for each selector of `other` there must be one here that
        selects at least as much. False when comparing single selectors does not show this.
        """
        return all(
            any(_covers(self.kind, mine, other.kind, theirs) for mine in self.entries) for theirs in other.entries
        )


@dataclass(frozen=True)
class Trail:
    """A trail as it is now; what a fix does not need is not read, and None."""

    arn: str
    settings: Mapping[str, Setting] = field(default_factory=dict)
    logging: bool | None = None
    selectors: Selectors | None = None


def answered_settings(trail: Mapping[str, Any]) -> dict[str, Setting]:
    """All settings of a trail, from DescribeTrails or from the response of CreateTrail or UpdateTrail.

    A string that is missing in the response is not set. A flag that is missing, as newer flags are in old records, is
    unknown, and missing in the result too.
    """
    given = {**trail, "EnableLogFileValidation": trail.get("LogFileValidationEnabled")}
    given["SnsTopicName"] = _topic(trail.get("SnsTopicARN") or trail.get("SnsTopicName") or "", trail["TrailARN"])
    settings: dict[str, Setting] = {name: given[name] for name in FLAGS if isinstance(given.get(name), bool)}
    return settings | {name: given.get(name) or "" for name in TEXTS}


def requested_settings(request: Mapping[str, Any], trail_arn: str) -> dict[str, Setting]:
    """The settings in a request of CreateTrail or UpdateTrail, in the spelling of the API."""
    settings: dict[str, Setting] = {name: request[name] for name in SETTINGS if request.get(name) is not None}
    if "SnsTopicName" in settings:
        settings["SnsTopicName"] = _topic(str(settings["SnsTopicName"]), trail_arn)
    return settings


def selectors_in(elements: Mapping[str, Any]) -> Selectors | None:
    """The selectors in a request or a response of PutEventSelectors or GetEventSelectors; None without any."""
    entries = elements.get(BASIC) or elements.get(ADVANCED)
    return Selectors.of(entries) if entries else None


def capitals(value: Any) -> Any:
    """A part of a CloudTrail record in the spelling of the API: every key with a capital first letter."""
    if isinstance(value, Mapping):
        return {key[:1].upper() + key[1:]: capitals(inner) for key, inner in value.items()}
    return [capitals(inner) for inner in value] if isinstance(value, list) else value


def _topic(topic: str, trail_arn: str) -> str:
    """The name of a topic in the trail's account and region, or the ARN of any other: as UpdateTrail expects it."""
    parts, home = topic.split(":"), trail_arn.split(":")
    return parts[5] if len(parts) == 6 and parts[3:5] == home[3:5] else topic


def _basic(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A basic selector with CloudTrail's defaults. Data resources without a value record nothing."""
    resources = [
        {"Type": resource["Type"], "Values": sorted(resource["Values"])}
        for resource in entry.get("DataResources") or () if resource.get("Values")
    ]
    return {
        "ReadWriteType": entry.get("ReadWriteType") or "All",
        "IncludeManagementEvents": entry.get("IncludeManagementEvents") is not False,
        "DataResources": list(_sorted(resources)),
        "ExcludeManagementEventSources": sorted(entry.get("ExcludeManagementEventSources") or ()),
    }


def _covers(kind: str, wide: Mapping[str, Any], other_kind: str, narrow: Mapping[str, Any]) -> bool:
    if kind == other_kind == ADVANCED:
        return bool(wide["FieldSelectors"] == narrow["FieldSelectors"])
    if kind == ADVANCED:
        return wide["FieldSelectors"] == _ALL_MANAGEMENT and not narrow["DataResources"]
    if other_kind == ADVANCED:
        return _covers(BASIC, wide, BASIC, DEFAULT_SELECTORS.entries[0]) and narrow["FieldSelectors"] == _ALL_MANAGEMENT
    return (
        wide["ReadWriteType"] in ("All", narrow["ReadWriteType"])
        and (not narrow["IncludeManagementEvents"] or (
            wide["IncludeManagementEvents"]
            and set(wide["ExcludeManagementEventSources"]) <= set(narrow["ExcludeManagementEventSources"])
        ))
        and all(
            any(_selects(mine["Type"], value, theirs["Type"], wanted)
                for mine in wide["DataResources"] for value in mine["Values"])
            for theirs in narrow["DataResources"] for wanted in theirs["Values"]
        )
    )


def _selects(kind: str, value: str, other_kind: str, wanted: str) -> bool:
    """Whether a data resource's value selects everything that another one selects.

    `arn:aws:lambda` means every resource of the type; for S3 objects, a value is a prefix of their ARNs.
    """
    if kind != other_kind:
        return False
    whole_kind = value.count(":") == 2
    return wanted == value or ((whole_kind or kind == "AWS::S3::Object") and wanted.startswith(value))


def _without_empty(value: Any) -> Any:
    """An advanced selector without empty parts, and with sorted lists: neither affects its meaning."""
    if isinstance(value, Mapping):
        return {key: _without_empty(inner) for key, inner in sorted(value.items()) if inner not in (None, [], "")}
    return list(_sorted(_without_empty(inner) for inner in value)) if isinstance(value, list) else value


def _sorted(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(values, key=lambda value: json.dumps(value, sort_keys=True)))


DEFAULT_SELECTORS = Selectors.of([{"ReadWriteType": "All", "IncludeManagementEvents": True}])
"""The selectors of a new trail: every management event, no data event."""
_ALL_MANAGEMENT = [{"Equals": ["Management"], "Field": "eventCategory"}]
"""The field selectors of the equivalent advanced selector."""
