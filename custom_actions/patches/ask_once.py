"""Makes each AWS call only once in a sweep, and shares the responses between policies.

The policies of one account and region make the same calls, for example to list access keys or trails. c7n's cache
shares only the lists of resources; calls that filters make for single resources are repeated by every policy. It also
shares too much: it keeps a list that a throttled call has cut short, and only the first policy's log mentions that. And
two policies on `aws.s3` whose `query` says `detect` get the same buckets, with the details that the first one read.

This patch shares the responses of single calls, and every policy builds its own lists from them. Errors are not kept:
every policy that needs the data makes the call itself, and has the error in its own log. Denied calls are logged here,
because c7n does not log all of them. "Not found" errors are kept like other responses.

Clients are shared too: c7n creates a session in every thread, and creating a client takes longer than most calls.

The patch is active in dry runs of c7n's pull mode if GUARDRAILS_ASK_ONCE is set, for one account and region at a time.
Policies change nothing in a dry run, so shared responses stay valid. After any call that is not a read, the responses
of that service are discarded all the same.
"""
from __future__ import annotations

import functools
import json
import logging
import os
import pickle  # nosec - of this process's own memory
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from boto3 import Session
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from c7n.policy import PullMode

from ..vocabulary import is_read

log = logging.getLogger("custodian.guardrails.ask_once")

SWITCH = "GUARDRAILS_ASK_ONCE"
"""The environment variable; any value that is not empty switches sharing on."""
# Calls for metrics contain the current time, so they never repeat.
_NEVER_THE_SAME = re.compile(r"GetMetric")
# Callers poll running jobs until they are done, so these responses must not be shared.
_WORK = re.compile(r"(?:Job|Query|Command|Execution|Report|Operation|Task)Id$", re.IGNORECASE)
_ROLE = "AssumeRole"
# botocore renews a role's credentials a quarter of an hour before they end.
_ROLE_LASTS = timedelta(minutes=20)
_DENIED = re.compile(r"AccessDenied|Unauthorized|NotAuthorized|AuthorizationError|AuthFailure")
_NOTHING_THERE = re.compile(r"^NoSuch|NotFound")
_PROTOCOL = pickle.HIGHEST_PROTOCOL
_LIMIT_BYTES = 256 * 2**20
_SHORT = 200

Place = tuple[str, ...]
"""What responses are shared for: the account, the region, and the credentials of the calls."""


class Answers:
    """The responses of AWS for one place, at most `limit` bytes. Beyond the limit, calls are made every time."""

    def __init__(self, place: Place, limit: int = _LIMIT_BYTES) -> None:
        self.place = place
        self._limit = limit
        self._size = 0
        self._kept: dict[str, dict[str, bytes]] = {}
        self._changes: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, str | None], Any] = {}
        # Reentrant: creating a client for a role's session creates an STS client.
        self._making = threading.RLock()

    def get(self, client: Any, operation: str, parameters: Mapping[str, Any], ask: Callable[[], Any]) -> Any:
        """The response to a call. `ask` makes the call if the response is unknown; its errors are raised and not kept.

        The result is a copy, so the caller may change it.
        """
        service = str(client.meta.service_model.service_name)
        if not (is_read(operation) or operation == _ROLE):
            try:
                return ask()
            finally:
                self._forget(service)
        if not _can_be_shared(client.meta.service_model.operation_model(operation), parameters):
            return ask()
        question = json.dumps(
            [client.meta.region_name, client.meta.endpoint_url, operation, parameters], sort_keys=True, default=repr)
        with self._lock:
            known = self._kept.get(service, {}).get(question)
            changes = self._changes[service]
        if known is not None:
            answer, nothing = pickle.loads(known)  # noqa: S301 # nosec - of this process's own memory
            if nothing:
                raise client.exceptions.from_code(_code(answer))(answer, operation)
            if operation != _ROLE or _lasts(answer):
                return answer
        try:
            answer = ask()
        except ClientError as error:
            if _NOTHING_THERE.search(_code(error.response)):
                self._keep(service, question, changes, pickle.dumps((error.response, True), _PROTOCOL))
            elif _DENIED.search(_code(error.response)):
                # c7n notes a denied call only on the bucket, and nobody sees that if the bucket does not match.
                log.warning("%s on %s%s: the results of this policy are incomplete",
                            _code(error.response), operation, _about(parameters))
            raise
        self._keep(service, question, changes, pickle.dumps((answer, False), _PROTOCOL))
        return answer

    def client(self, session: Any, service: str, region: str | None, make: Callable[[], Any]) -> Any:
        """The client of a service for the session's credentials. Clients are thread-safe."""
        credentials = session.get_credentials()
        # Missing credentials or a denied role cause an error in c7n's own client.
        key = credentials.get_frozen_credentials().access_key if credentials else ""
        with self._making:
            known = (key, service, region or session.region_name)
            if known not in self._clients:
                self._clients[known] = make()
            return self._clients[known]

    def _keep(self, service: str, question: str, changes: int, answer: bytes) -> None:
        with self._lock:
            # If something changed during the call, the response may be from before the change.
            if self._changes[service] == changes and self._size + len(answer) <= self._limit:
                self._size += len(answer)
                self._kept.setdefault(service, {})[question] = answer

    def _forget(self, service: str) -> None:
        with self._lock:
            self._changes[service] += 1
            self._size -= sum(map(len, self._kept.pop(service, {}).values()))


def _code(answer: Mapping[str, Any]) -> str:
    """The error code of a response."""
    return str(answer.get("Error", {}).get("Code", ""))


def _about(parameters: Mapping[str, Any]) -> str:
    """The short texts among a call's parameters: they name the resource."""
    named = [repr(value) for value in parameters.values() if isinstance(value, str) and len(value) <= _SHORT]
    return f" ({', '.join(named)})" if named else ""


def _can_be_shared(operation: OperationModel, parameters: Mapping[str, Any]) -> bool:
    """Whether a read returns the same response for every caller and at any time, and can be read more than once."""
    if operation.service_model.service_name == "sts":
        # The response of GetCallerIdentity depends on the caller, which is not part of the parameters.
        return operation.name == _ROLE
    return not (
        operation.has_streaming_output or operation.has_event_stream_output
        or _NEVER_THE_SAME.match(operation.name) or any(map(_WORK.search, parameters))
    )


def _lasts(answer: Mapping[str, Any]) -> bool:
    return bool(answer["Credentials"]["Expiration"] - datetime.now(UTC) > _ROLE_LASTS)


_current: Answers | None = None
_last: Answers | None = None


@contextmanager
def sharing(place: Place) -> Iterator[None]:
    """In this context the calls of this process share responses, including earlier ones for the same place."""
    global _current, _last
    before = _current
    if _last is None or _last.place != place:
        # Discard the responses of the previous place, so that memory holds one account and region only.
        _last = Answers(place)
    _current = _last
    try:
        yield
    finally:
        _current = before


def forget_responses() -> None:
    """Discard all responses: those of a process that begins another sweep are too old for it."""
    global _last
    _last = None


def install() -> None:
    """Share responses in dry runs if the environment variable is set. Calling it again has no effect."""
    if not os.environ.get(SWITCH) or hasattr(PullMode.run, "asks_each_time"):
        return
    run, call, make = PullMode.run, BaseClient._make_api_call, Session.client

    @functools.wraps(run)
    def run_sharing(self: Any, *args: Any, **kwargs: Any) -> Any:
        options = self.policy.options
        # Policies on an organization call other accounts, so their calls are not for one place.
        if not options.dryrun or self.policy.resource_type.endswith("org-account"):
            return run(self, *args, **kwargs)
        with sharing(_place(options)):
            return run(self, *args, **kwargs)

    @functools.wraps(call)
    def call_once(self: Any, operation_name: str, api_params: Any) -> Any:
        if _current is None:
            return call(self, operation_name, api_params)
        return _current.get(self, operation_name, api_params, lambda: call(self, operation_name, api_params))

    @functools.wraps(make)
    def client_once(self: Any, service_name: str, region_name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        if _current is None or args or kwargs:
            return make(self, service_name, region_name, *args, **kwargs)
        return _current.client(self, service_name, region_name, lambda: make(self, service_name, region_name))

    run_sharing.asks_each_time = run  # type: ignore[attr-defined]
    PullMode.run = run_sharing
    BaseClient._make_api_call = call_once
    Session.client = client_once


def _place(options: Any) -> Place:
    # For a chain of roles c7n-org puts the last credentials into the environment; a single role is in the options.
    return tuple(str(value) for value in (
        options.account_id, options.region, options.assume_role, options.profile, os.environ.get("AWS_ACCESS_KEY_ID")))
