"""The state of a check: how one policy ended in one account and region."""
from __future__ import annotations

import re
from enum import StrEnum


class State(StrEnum):
    """The state of a check: how one policy ended in one account and region."""

    RAN = "ran"
    PARTIAL = "partial"
    """Some resources could not be read, and are unknown. All others were checked."""
    DENIED = "denied"
    """A permission is missing, or the account could not be reached."""
    THROTTLED = "throttled"
    """AWS rejected calls because there were too many; the result may be partial."""
    ERROR = "error"
    """The policy failed."""
    NOT_RUN = "not-run"
    """The policy did not start, or did not end."""
    SKIPPED = "skipped"
    """The policy's own conditions exclude this account or region."""

    @property
    def seen(self) -> bool:
        """Whether the check completed, so that its result is known in full."""
        return self is State.RAN

    @property
    def missing(self) -> bool:
        """Whether the check should have a result, and has none or only a part of it."""
        return self not in (State.RAN, State.SKIPPED)


_DENIED = re.compile(
    r"AccessDenied|UnauthorizedOperation|AuthFailure|AuthorizationError|NotAuthorized|not authorized"
    r"|ExpiredToken|InvalidClientTokenId|UnrecognizedClient|Unable to locate credentials|Access denied"
)


def state_of(message: str, default: State = State.ERROR) -> State:
    """The state that an error message means: denied, throttled, or else `default`."""
    if THROTTLED.search(message):
        return State.THROTTLED
    return State.DENIED if _DENIED.search(message) else default


THROTTLED = re.compile(r"Throttl|RequestLimitExceeded|TooManyRequests|Rate exceeded|SlowDown|LimitExceededException")
