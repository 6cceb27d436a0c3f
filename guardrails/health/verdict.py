"""How a check ends: ok, broken, or unknown, with the reason and what to do about it."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .expectations import Expected

_NAMED = 4


class State(StrEnum):
    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """What one check says."""

    check: str
    state: State
    reason: str = ""
    remedy: str = ""


def ok(check: str, reason: str = "") -> Verdict:
    """It was read, and it is as it should be."""
    return Verdict(check, State.OK, reason)


def broken(check: str, reason: str, remedy: str) -> Verdict:
    """It was read, and it is not as it should be."""
    return Verdict(check, State.BROKEN, reason, remedy)


def unknown(check: str, reason: str, remedy: str = "let the credentials of this run read it") -> Verdict:
    """It could not be read, or says nothing."""
    return Verdict(check, State.UNKNOWN, reason, remedy)


def deploy(wanted: Expected) -> str:
    """The remedy of most: deploy the policy again."""
    return f"./run.sh deploy {wanted.policy.name}{wanted.option}"


def names(each: Iterable[Expected]) -> list[str]:
    """The policies' names."""
    return [one.policy.name for one in each]


def some(names: Sequence[str]) -> str:
    """The first few of the names."""
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def as_list(value: Any) -> list[Any]:
    """What a policy document may give as one value or as a list."""
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
