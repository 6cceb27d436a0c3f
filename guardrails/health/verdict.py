"""How a check ends: ok, broken, or unknown, with the reason and what to do about it."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .expectations import ExpectedFunction

_NAMED = 4


class HealthState(StrEnum):
    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class HealthVerdict:
    """What one check says."""

    check: str
    state: HealthState
    reason: str = ""
    remedy: str = ""


def ok(check: str, reason: str = "") -> HealthVerdict:
    """It was read, and it is as it should be."""
    return HealthVerdict(check, HealthState.OK, reason)


def broken(check: str, reason: str, remedy: str) -> HealthVerdict:
    """It was read, and it is not as it should be."""
    return HealthVerdict(check, HealthState.BROKEN, reason, remedy)


def unknown(check: str, reason: str, remedy: str = "let the credentials of this run read it") -> HealthVerdict:
    """It could not be read, or says nothing."""
    return HealthVerdict(check, HealthState.UNKNOWN, reason, remedy)


def deploy(wanted: ExpectedFunction) -> str:
    """The remedy of most: deploy the policy again."""
    return f"./run.sh deploy {wanted.policy.name}{wanted.option}"


def names(each: Iterable[ExpectedFunction]) -> list[str]:
    """The policies' names."""
    return [one.policy.name for one in each]


def some(names: Sequence[str]) -> str:
    """The first few of the names."""
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def as_list(value: Any) -> list[Any]:
    """What a policy document may give as one value or as a list."""
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
