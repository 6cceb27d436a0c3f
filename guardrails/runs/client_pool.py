"""Keeps the clients of a worker for its next account.

A client takes 13 ms of processor time to make, mostly for what does not depend on the account: the model of the
service, its methods and the rules for its endpoints. A worker that goes through many accounts would make the same
clients again in each. Here a client is made once for each service and region, and signs with credentials that are
exchanged when the next account begins. botocore reads them for every request.

Only sessions with the credentials of the account get these clients; a filter that assumes another role gets its own, as
does every client with settings. It is for dry runs: nothing that changes resources is done with them.
"""
from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import boto3
import botocore.session
from botocore.credentials import Credentials


class ClientPool:
    """The clients of this process. `use` says for whom."""

    def __init__(self) -> None:
        self._signs = Credentials("", "")
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._making = threading.Lock()
        self._in_use = False

    def use(self, access_key: str, secret_key: str, token: str | None, account: str) -> None:
        """From now on every client of the pool signs with these credentials of the account."""
        self._in_use = True
        self._signs.access_key, self._signs.secret_key, self._signs.token = access_key, secret_key, token
        # DynamoDB's endpoint has it in its name.
        self._signs.account_id = account

    def end(self) -> None:
        """The account is done: nothing is signed with its credentials any more, and no session gets a client."""
        self._in_use = False
        self._signs.access_key = self._signs.secret_key = ""
        self._signs.token = self._signs.account_id = None

    def client(self, session: Any, service: str, region: str | None, make: Callable[..., Any]) -> Any:
        """The client of the pool, or for a session with other credentials what `make` returns."""
        own = session.get_credentials() if self._in_use else None
        if own is None or own.get_frozen_credentials().access_key != self._signs.access_key:
            return make(session, service, region)
        known = (service, region or session.region_name)
        with self._making:
            if known not in self._clients:
                self._clients[known] = make(self._session(session), *known)
            return self._clients[known]

    def _session(self, like: Any) -> boto3.Session:
        made = botocore.session.Session(profile=like._session.profile)
        for name in ("user_agent_name", "user_agent_version"):
            setattr(made, name, getattr(like._session, name))
        made._credentials = self._signs
        return boto3.Session(botocore_session=made, region_name=like.region_name)


POOL = ClientPool()


def install() -> None:
    """Let all sessions of this process ask the pool. Calling it again has no effect."""
    make = boto3.Session.client
    if hasattr(make, "asks_pool"):
        return

    @functools.wraps(make)
    def client(self: Any, service_name: str, region_name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs:
            return make(self, service_name, region_name, *args, **kwargs)
        return POOL.client(self, service_name, region_name, make)

    client.asks_pool = True  # type: ignore[attr-defined]
    boto3.Session.client = client
