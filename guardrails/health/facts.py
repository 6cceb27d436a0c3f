"""What was read of an account, as the checks take it; what could not be read keeps its reason."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class Unread:
    """Nobody knows: why it could not be read."""

    reason: str


Read: TypeAlias = Value | Unread
"""What AWS says, or why it could not be asked."""
Found: TypeAlias = Mapping[str, Any] | None
"""One thing as AWS describes it; None when AWS says that it is not there."""


@dataclass(frozen=True)
class FunctionActivity:
    """What a function did in the last day, by CloudWatch."""

    invocations: float
    errors: float
    throttles: float
    not_delivered: float
    """Events that failed and that its dead-letter queue did not take."""


@dataclass(frozen=True)
class FunctionLog:
    """What a function's log holds of the last day."""

    any: bool
    errors: Sequence[str]
    """The newest last."""


@dataclass(frozen=True)
class FunctionFacts:
    """What was read of one function and of what starts it."""

    function: Read[Found] = None
    """GetFunction's answer."""
    statements: Read[Sequence[Mapping[str, Any]]] = ()
    """Its resource policy."""
    targets: Read[Sequence[str]] = ()
    """The ARNs that its event rule starts."""
    schedule: Read[Found] = None
    """Its schedule of EventBridge Scheduler."""
    archive: Read[Mapping[str, Any]] | None = None
    """`config`: its config.json, `files`: name to checksum. None when it was not needed."""
    dead_letters: Read[int | None] = None
    """How many messages its dead-letter queue holds; None without a queue."""
    activity: Read[FunctionActivity] = field(default=Unread("it was not asked for"))
    log: Read[FunctionLog | None] = field(default=Unread("it was not asked for"))
    """None when it has no log group."""
    age: timedelta | None = None
    """How long ago it was deployed; None when Lambda does not say."""


@dataclass(frozen=True)
class TrailFacts:
    """One trail that records what happens in a region."""

    name: str
    logging: Read[bool]
    selectors: Read[Mapping[str, Any]]
    """GetEventSelectors' answer."""


@dataclass(frozen=True)
class RegionFacts:
    """What was read once for an account and region."""

    functions: Read[Mapping[str, Mapping[str, Any]]]
    """Those whose name begins like ours, by name, as ListFunctions shows them."""
    rules: Read[Mapping[str, Mapping[str, Any]]]
    """Event rules of the default bus, by name."""
    config_rules: Read[Mapping[str, Mapping[str, Any]]]
    """Each with its `status`, which may be Unread."""
    recorders: Read[Sequence[Mapping[str, Any]]]
    """Each with its `status`."""
    trails: Read[Sequence[TrailFacts]]
    topics: Mapping[str, Read[bool]] = field(default_factory=dict)
    """Whether a topic is there, by ARN."""
    strays: Mapping[str, Read[bool]] = field(default_factory=dict)
    """Functions that no policy stands for, and whether they are ours by their tags."""


@dataclass(frozen=True)
class RoleFacts:
    """What was read of a function's role."""

    role: Read[Found]
    decisions: Read[Mapping[str, str]] = field(default_factory=dict)
    """What IAM decides on each action, on any resource: allowed, implicitDeny, explicitDeny, or `unknown: why`."""
    granted: Read[Sequence[str]] = ()
    """The actions, with wildcards, that any of its policies allows on any resource."""


@dataclass(frozen=True)
class Place:
    """One account and region."""

    account_id: str
    account: str
    """As a person knows it."""
    region: str
