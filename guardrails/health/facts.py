"""What was read from an account. What could not be read keeps the reason why."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class Unread:
    """It could not be read, and why."""

    reason: str


Read: TypeAlias = Value | Unread
"""A value read from AWS, or why it could not be read."""
Found: TypeAlias = Mapping[str, Any] | None
"""One resource as AWS describes it; None when it does not exist."""


@dataclass(frozen=True)
class FunctionActivity:
    """What a function did in the last day, from CloudWatch's metrics."""

    invocations: float
    errors: float
    throttles: float
    not_delivered: float
    """Failed events that could not be sent to its dead-letter queue."""


@dataclass(frozen=True)
class FunctionLog:
    """What a function's log contains of the last day."""

    any: bool
    errors: Sequence[str]
    """The newest last."""


@dataclass(frozen=True)
class FunctionFacts:
    """What was read of one function and of its trigger."""

    function: Read[Found] = None
    """The response of GetFunction."""
    statements: Read[Sequence[Mapping[str, Any]]] = ()
    """Its resource policy."""
    targets: Read[Sequence[str]] = ()
    """The ARNs of its event rule's targets."""
    schedule: Read[Found] = None
    """Its schedule in EventBridge Scheduler."""
    archive: Read[Mapping[str, Any]] | None = None
    """`config`: its config.json, `files`: checksums by file name. None when it was not needed."""
    dead_letters: Read[int | None] = None
    """The number of messages in its dead-letter queue; None without a queue."""
    activity: Read[FunctionActivity] = field(default=Unread("it was not read"))
    log: Read[FunctionLog | None] = field(default=Unread("it was not read"))
    """None when it has no log group."""
    age: timedelta | None = None
    """The time since it was deployed; None when Lambda does not report it."""


@dataclass(frozen=True)
class TrailFacts:
    """One trail that records a region's events."""

    name: str
    logging: Read[bool]
    selectors: Read[Mapping[str, Any]]
    """The response of GetEventSelectors."""


@dataclass(frozen=True)
class RoleFacts:
    """What was read of a function's role."""

    role: Read[Found]
    decisions: Read[Mapping[str, str]] = field(default_factory=dict)
    """IAM's decision on each action, for any resource: allowed, implicitDeny, explicitDeny, or `unknown: why`."""
    granted: Read[Sequence[str]] = ()
    """The actions, with wildcards, that any of its policies allows on at least one resource."""


@dataclass(frozen=True)
class RegionFacts:
    """What was read once for an account and region."""

    functions: Read[Mapping[str, Mapping[str, Any]]]
    """Functions whose name has one of the project's prefixes, by name, as ListFunctions returns them."""
    rules: Read[Mapping[str, Mapping[str, Any]]]
    """Event rules of the default bus, by name; in a hub those of its bus too, by `guardrails/NAME`."""
    config_rules: Read[Mapping[str, Mapping[str, Any]]]
    """By name, each with its `status`, which can be Unread."""
    recorders: Read[Sequence[Mapping[str, Any]]]
    """Each with its `status`."""
    trails: Read[Sequence[TrailFacts]]
    topics: Mapping[str, Read[Found]] = field(default_factory=dict)
    """The attributes of the topics that functions publish to, by ARN; None for one that does not exist."""
    redelivery: RoleFacts | None = None
    """The role with which EventBridge Scheduler delivers events again; None when no function needs it."""
    strays: Mapping[str, Read[bool]] = field(default_factory=dict)
    """Functions that no policy deploys, and whether their tags identify them as this project's."""
