"""Whether EventBridge would let an event through, and which key of the pattern says no.

Source: EventBridge's user guide, "Creating Amazon EventBridge event patterns". Of its comparisons those that a
policy's `pattern` may have are told: literals, prefix, suffix, equals-ignore-case, anything-but and exists. Another
one is Unknown, never taken for a match.
"""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from custom_actions.functions import with_aws_source

from .policy import Policy


class UnknownComparison(Exception):
    """The pattern compares in a way that is not told here."""


def mismatches(pattern: Mapping[str, Any], event: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Why the event does not match, a line for each key; nothing when it matches. Raises UnknownComparison."""
    for key, wanted in pattern.items():
        name = f"{prefix}{key}"
        value = event.get(key)
        if isinstance(wanted, Mapping):
            yield from mismatches(wanted, value if isinstance(value, Mapping) else {}, f"{name}.")
            continue
        given = value if isinstance(value, list) else [value]
        if not any(_matches(one, each, present=key in event) for one in wanted for each in given):
            shown = ", ".join(sorted(str(one) for one in wanted))
            yield f"{name} is {value if key in event else 'not there'}, not {shown}"


def _matches(wanted: Any, value: Any, *, present: bool) -> bool:
    if not isinstance(wanted, Mapping):
        return present and bool(wanted == value)
    ((comparison, operand),) = wanted.items()
    if comparison == "exists":
        return bool(present == operand)
    if comparison == "anything-but" and not isinstance(operand, Mapping):
        return present and value not in (operand if isinstance(operand, list) else [operand])
    if comparison in ("prefix", "suffix", "equals-ignore-case") and isinstance(operand, str):
        text = value if isinstance(value, str) else ""
        if comparison == "equals-ignore-case":
            return text.lower() == operand.lower()
        return bool(text) and (text.startswith(operand) if comparison == "prefix" else text.endswith(operand))
    raise UnknownComparison(f"the pattern compares by {comparison}")


def pattern_of(policy: Policy) -> dict[str, Any]:
    """The pattern of the EventBridge rule that c7n makes for the policy."""
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
    """The pattern in an EventBridge rule's text; None for a rule that has none."""
    return json.loads(text) if text else None


def comparable(value: Any) -> Any:
    """The same for what means the same: the order in a list of an event pattern or a scope says nothing."""
    if isinstance(value, Mapping):
        return {key: comparable(inner) for key, inner in value.items() if inner not in (None, [], {})}
    if isinstance(value, list | tuple):
        return sorted(json.dumps(comparable(inner), sort_keys=True) for inner in value)
    return value
