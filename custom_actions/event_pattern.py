"""Whether an event matches an EventBridge pattern, and which keys of the pattern do not match.

Source: EventBridge's user guide, "Creating Amazon EventBridge event patterns". The comparisons that a policy's
`pattern` may use are implemented: literals, prefix, suffix, equals-ignore-case, anything-but and exists. Any other
raises UnknownComparison, and never counts as a match.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class UnknownComparison(Exception):
    """The pattern has a comparison that is not implemented here."""


def mismatches(pattern: Mapping[str, Any], event: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """A sentence for each key that does not match; nothing when the event matches. Raises UnknownComparison."""
    for key, wanted in pattern.items():
        name = f"{prefix}{key}"
        value = event.get(key)
        if isinstance(wanted, Mapping):
            yield from mismatches(wanted, value if isinstance(value, Mapping) else {}, f"{name}.")
            continue
        given = value if isinstance(value, list) else [value]
        if not any(_matches(one, each, present=key in event) for one in wanted for each in given):
            shown = ", ".join(sorted(str(one) for one in wanted))
            yield f"{name} is {value if key in event else 'missing'}, not {shown}"


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
    raise UnknownComparison(f"the pattern uses the comparison {comparison}, which is not supported here")
