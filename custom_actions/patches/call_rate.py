"""Limits the calls a second that this process makes to a service of an account, so that others have quota left.

AWS counts the calls of an account and region together: those of a sweep, of the account's own programs, and of its
people. Retries with back-off help only after somebody was throttled. The limit is for one process. It is off unless
GUARDRAILS_CALLS_PER_SECOND says a number; the workers of a sweep on Step Functions have it (docs/scale.md).

Source: EC2's API reference, "Request throttling": buckets of tokens that are refilled at a rate, for each account and
region.
"""
from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore import handlers

VARIABLE = "GUARDRAILS_CALLS_PER_SECOND"
"""The environment variable with the calls a second; empty or 0 for no limit."""
_EVENT = "before-send"
_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_PLACES = 1000
"""How many credentials, regions and services are remembered: a process enters one account after the other."""


class Pace:
    """At most `rate` calls a second, after a first burst of so many."""

    def __init__(
        self, rate: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._tokens, self._at = rate, clock()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the next call may be made. Each thread gets a turn of its own."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._rate, self._tokens + (now - self._at) * self._rate) - 1
            self._at = now
            pause = -self._tokens / self._rate
        if pause > 0:
            self._sleep(pause)


class Limiter:
    """The pace of each service, region and credentials."""

    def __init__(self, rate: float, make: Callable[[float], Pace] = Pace) -> None:
        self._rate, self._make = rate, make
        self._paces: dict[tuple[str, ...], Pace] = {}
        self._lock = threading.Lock()

    def before_send(self, request: Any, **_: Any) -> None:
        """Wait for the call's turn. Called by botocore before each attempt; an unsigned call is not counted by AWS."""
        header = request.headers.get("Authorization", "")
        found = _SCOPE.search(header.decode(errors="replace") if isinstance(header, bytes) else header)
        if found is None:
            return
        with self._lock:
            if found.groups() not in self._paces and len(self._paces) >= _PLACES:
                self._paces.clear()
            pace = self._paces.setdefault(found.groups(), self._make(self._rate))
        pace.wait()


_installed = False


def install() -> None:
    """Let every new session of botocore keep the limit, if there is one. Calling it again has no effect.

    Raises ValueError if the environment variable is not a number.
    """
    global _installed
    rate = float(os.environ.get(VARIABLE) or 0)
    if rate > 0 and not _installed:
        handlers.BUILTIN_HANDLERS.append((_EVENT, Limiter(rate).before_send))
        _installed = True
