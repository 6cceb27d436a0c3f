"""The verdict of a check: ok, broken or unknown, with the reason and how to fix it."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..command import command
from .expectations import ExpectedFunction

_NAMED = 4


class HealthState(StrEnum):
    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class HealthVerdict:
    """The result of one check."""

    check: str
    state: HealthState
    reason: str = ""
    remedy: str = ""


def ok(check: str, reason: str = "") -> HealthVerdict:
    """What was read is as it should be."""
    return HealthVerdict(check, HealthState.OK, reason)


def broken(check: str, reason: str, remedy: str) -> HealthVerdict:
    """What was read is not as it should be."""
    return HealthVerdict(check, HealthState.BROKEN, reason, remedy)


def unknown(check: str, reason: str, remedy: str = "allow the current credentials to read it") -> HealthVerdict:
    """It could not be read, or does not answer the question."""
    return HealthVerdict(check, HealthState.UNKNOWN, reason, remedy)


def deploy(wanted: ExpectedFunction) -> str:
    """The most common remedy: deploy the policy again."""
    return command("deploy", f"{wanted.policy.name}{wanted.option}{' --grouped' if wanted.group else ''}")


def names(each: Iterable[ExpectedFunction]) -> list[str]:
    """The names of the policies."""
    return [one.policy.name for one in each]


def some(names: Sequence[str]) -> str:
    """The first few of the names."""
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def as_list(value: Any) -> list[Any]:
    """The value as a list: IAM policy documents allow one value or a list."""
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
