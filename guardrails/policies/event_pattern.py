"""The EventBridge patterns of policies; custom_actions/event_pattern.py says whether an event matches one."""
from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from custom_actions.event_pattern import UnknownComparison, mismatches
from custom_actions.functions import with_aws_source

from .policy import Policy

__all__ = ["UnknownComparison", "calls_of", "comparable", "mismatches", "parsed", "pattern_of"]


def pattern_of(policy: Policy) -> dict[str, Any]:
    """The pattern of the EventBridge rule that c7n creates for the policy."""
    from c7n.mu import CloudWatchEventSource

    # c7n adds to what it is given.
    mode = deepcopy(with_aws_source(policy.mode))
    return parsed(CloudWatchEventSource(mode, None).render_event_pattern()) or {}


def calls_of(policy: Policy) -> set[tuple[str, str]]:
    """The source and the name of every CloudTrail event that the policy names.

    The rule's pattern lets more through: c7n puts all sources beside all names.
    """
    from c7n.cwe import CloudWatchEvents

    calls = set()
    for event in policy.mode.get("events") or ():
        given = event if isinstance(event, Mapping) else {**(CloudWatchEvents.get(event) or {}), "event": event}
        if "source" in given:
            calls.add((str(given["source"]), str(given["event"])))
    return calls


def parsed(text: str | None) -> Any:
    """The pattern of an EventBridge rule, from its JSON; None for a rule without a pattern."""
    return json.loads(text) if text else None


def comparable(value: Any) -> Any:
    """A normal form, equal for patterns (or scopes) with the same meaning: the order of a list does not matter."""
    if isinstance(value, Mapping):
        return {key: comparable(inner) for key, inner in value.items() if inner not in (None, [], {})}
    if isinstance(value, list | tuple):
        return sorted(json.dumps(comparable(inner), sort_keys=True) for inner in value)
    return value
