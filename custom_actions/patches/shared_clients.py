"""In a function, keeps sessions and clients from one event to the next.

c7n makes boto3 clients wherever it needs one, and a session for each message that it sends. A client takes longer to
make than most calls take, and its first call opens a new connection. Here, the same session is used for the same role
and region, and each session has one client for each service and region.

A session is kept as long as c7n itself keeps one, 45 minutes, and then reads the credentials again. Credentials of an
assumed role refresh themselves. With other credentials in the environment, it is another session: a process that works
on one account after the other, as c7n-org's runner does, must never use the credentials of the last one.
"""
from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import c7n.utils
from c7n.credentials import SessionFactory

SECONDS = 45 * 60
MOST = 4
"""Sessions that are kept. A hub has one for each account, and their clients need memory."""
_CLIENTS, _ALIAS = "_guardrails_clients", "_guardrails_alias"
# Where c7n counts calls: on the session, and thereby on the clients that are made while a policy runs.
_COUNTED, _COUNTER = "after-call.*.*", "c7n-api-stats"
_lock = threading.RLock()
_sessions: dict[tuple[Any, ...], tuple[Any, float]] = {}


def install() -> None:
    """Share them from now on. Calling it again, or outside of a function, has no effect."""
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ or hasattr(SessionFactory.__call__, "__wrapped__"):
        return
    SessionFactory.__call__ = sharing_sessions(SessionFactory.__call__)
    SessionFactory.update = remembering_counters(SessionFactory.update)
    boto3.Session.client = sharing_clients(boto3.Session.client)
    c7n.utils.get_account_alias_from_sts = asking_once(c7n.utils.get_account_alias_from_sts)


def sharing_sessions(original: Callable[..., Any], now: Callable[[], float] = time.monotonic) -> Callable[..., Any]:
    """c7n's `SessionFactory.__call__`, which returns the same session for the same role, region and profile."""
    @functools.wraps(original)
    def __call__(self: SessionFactory, assume: bool = True, region: str | None = None) -> Any:  # noqa: N807
        role = self.assume_role if assume else None
        key = (role, region or self.region, self.profile, self.external_id, repr(self.session_policy),
               os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SESSION_TOKEN"))
        with _lock:
            session, made = _sessions.get(key, (None, 0.0))
            if session is not None and made + SECONDS > now():
                return self.update(session)
            session = original(self, assume, region)
            _sessions[key] = (session, now())
            while len(_sessions) > MOST:
                del _sessions[next(iter(_sessions))]
        return session

    return __call__


def remembering_counters(original: Callable[..., Any]) -> Callable[..., Any]:
    """c7n's `SessionFactory.update`, which keeps with the session who counts its calls."""
    @functools.wraps(original)
    def update(self: SessionFactory, session: Any) -> Any:
        clients = session.__dict__.setdefault(_CLIENTS, {})
        # Without the counter of the last policy, or this one's would be ignored.
        for events in (session.events, *(client.meta.events for client in clients.values())):
            events.unregister(_COUNTED, unique_id=_COUNTER)
        original(self, session)
        named = session._session
        for client in clients.values():
            # CloudTrail shows the policy's name.
            client._user_agent_creator.set_session_config(
                named.user_agent_name, named.user_agent_version, named.user_agent_extra)
            for counter in self._subscribers:
                counter(SimpleNamespace(events=client.meta.events))
        return session

    return update


def sharing_clients(original: Callable[..., Any]) -> Callable[..., Any]:
    """boto3's `Session.client`, which returns the same client again; one with options of its own is always new."""
    @functools.wraps(original)
    def client(self: Any, service_name: str, region_name: str | None = None, *more: Any, **options: Any) -> Any:
        if more or options:
            return original(self, service_name, region_name, *more, **options)
        with _lock:
            clients = self.__dict__.setdefault(_CLIENTS, {})
            key = (service_name, region_name or self.region_name)
            if key not in clients:
                clients[key] = original(self, service_name, region_name)
            return clients[key]

    return client


def asking_once(original: Callable[[Any], str]) -> Callable[[Any], str]:
    """c7n's `get_account_alias_from_sts`, which asks for the account's alias once for each session."""
    @functools.wraps(original)
    def alias(session: Any) -> str:
        kept = session.__dict__
        if _ALIAS not in kept:
            kept[_ALIAS] = original(session)
        found: str = kept[_ALIAS]
        return found

    return alias


def forget() -> None:
    """Forget the sessions."""
    _sessions.clear()
