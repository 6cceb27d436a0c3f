"""How one policy ended in one account and region."""
from __future__ import annotations

import re
from enum import StrEnum


class State(StrEnum):
    """How one policy ended in one account and region."""

    RAN = "ran"
    DENIED = "denied"
    """A permission is missing, or there was no way into the account."""
    THROTTLED = "throttled"
    """AWS refused calls for their number; what was read may be cut short."""
    ERROR = "error"
    NOT_RUN = "not-run"
    SKIPPED = "skipped"
    """The policy's own conditions say that it does not apply here."""

    @property
    def seen(self) -> bool:
        """Whether the answer is known in full; only this counts as seen."""
        return self is State.RAN

    @property
    def missing(self) -> bool:
        """Whether an answer that was asked for is not there, or not whole."""
        return self not in (State.RAN, State.SKIPPED)


_DENIED = re.compile(
    r"AccessDenied|UnauthorizedOperation|AuthFailure|AuthorizationError|NotAuthorized|not authorized"
    r"|ExpiredToken|InvalidClientTokenId|UnrecognizedClient|Unable to locate credentials|Access denied"
)


def state_of(message: str, otherwise: State = State.ERROR) -> State:
    """Denied or throttled when an error says so, else `otherwise`."""
    if THROTTLED.search(message):
        return State.THROTTLED
    return State.DENIED if _DENIED.search(message) else otherwise


THROTTLED = re.compile(r"Throttl|RequestLimitExceeded|TooManyRequests|Rate exceeded|SlowDown|LimitExceededException")
