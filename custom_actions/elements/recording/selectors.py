"""Which events of a kind a trail's event selectors record, basic or advanced.

Selectors add up: one may record what another excludes. A selector that records only some events of a kind (one bucket,
one event name) is ignored here, because it cannot be known whether several of them record all events.
Source: CloudTrail's GetEventSelectors and AdvancedFieldSelector.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

READ, WRITE = "read", "write"
MANAGEMENT, S3, LAMBDA = "management", "AWS::S3::Object", "AWS::Lambda::Function"

_BOTH = frozenset({READ, WRITE})
_TYPES = {"All": _BOTH, "ReadOnly": frozenset({READ}), "WriteOnly": frozenset({WRITE})}
_WHOLE = {S3: re.compile(r"arn:[^:]+:s3(:::)?"), LAMBDA: re.compile(r"arn:[^:]+:lambda")}
"""The value that means every resource of its type."""
_MASSES = frozenset({"kms.amazonaws.com", "rdsdata.amazonaws.com"})
"""Sources with so many management events that CloudTrail can exclude them."""


def recorded(selectors: Mapping[str, Any], kind: str) -> frozenset[str]:
    """Which events of a kind the selectors record completely: `read`, `write`, or both.

    Args:
        selectors: the response of GetEventSelectors.
        kind: `management`, or a resource type, for the data events of all its resources.
    """
    return frozenset().union(
        *(_basic(entry, kind) for entry in selectors.get("EventSelectors") or ()),
        *(_advanced(entry, kind) for entry in selectors.get("AdvancedEventSelectors") or ()),
    )


def _basic(entry: Mapping[str, Any], kind: str) -> frozenset[str]:
    # ExcludeManagementEventSources accepts only _MASSES, so it is ignored.
    selected = entry.get("IncludeManagementEvents") is not False if kind == MANAGEMENT else any(
        _WHOLE[kind].fullmatch(value)
        for resource in entry.get("DataResources") or () if resource["Type"] == kind
        for value in resource.get("Values") or ()
    )
    return _TYPES[entry.get("ReadWriteType") or "All"] if selected else frozenset()


def _advanced(entry: Mapping[str, Any], kind: str) -> frozenset[str]:
    access, found = _BOTH, set()
    naming = {"eventCategory": {"Equals": ["Management"]}} if kind == MANAGEMENT else {
        "eventCategory": {"Equals": ["Data"]}, "resources.type": {"Equals": [kind]},
    }
    for field in entry.get("FieldSelectors") or ():
        name, tests = field["Field"], {key: value for key, value in field.items() if key != "Field" and value}
        if name == "readOnly" and tests.keys() == {"Equals"}:
            access &= frozenset(READ if value == "true" else WRITE for value in tests["Equals"])
        elif tests == naming.get(name):
            found.add(name)
        elif not _leaves_all(name, tests, kind):
            return frozenset()
    return access if found == naming.keys() else frozenset()


def _leaves_all(name: str, tests: Mapping[str, list[str]], kind: str) -> bool:
    """Whether a field selector excludes nothing that is required."""
    if kind == MANAGEMENT:
        return name == "eventSource" and tests.keys() == {"NotEquals"} and _MASSES.issuperset(tests["NotEquals"])
    return name == "resources.ARN" and tests.keys() == {"StartsWith"} and any(
        _WHOLE[kind].fullmatch(value) for value in tests["StartsWith"])
