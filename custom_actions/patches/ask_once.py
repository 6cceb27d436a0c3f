"""One sweep asks AWS one question once.

Policies of one account and region ask the same things: whose access keys these are, which trails there are. c7n's
cache shares the lists of resources alone; what filters ask about single resources is asked anew by each policy. And
its cache shares too much: a list that a throttled call has cut short is kept, and only the first policy's log tells
of it; two policies on `aws.s3` whose `query` says `detect` are given the same buckets, with what the first one reads.

Here the answers of single calls are shared, whoever asks: every policy makes its own lists out of them. What AWS
refused is never kept, so every policy that needs it asks itself and has the refusal in its own log: a denied call is
logged here, for c7n does not log each. That there is nothing of that name is an answer as any other.

A client is made once too: c7n makes a session in every thread, and making a client takes longer than most calls.

It holds in dry runs of c7n's pull mode, where GUARDRAILS_ASK_ONCE is set, and for one account and region at a time:
nothing that a policy of ours does in them changes what was read. A call that is no read makes its service be asked
again all the same.
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
"""The environment variable; anything but an empty value switches it on."""
# Metrics are asked for with the present time, and never in the same words again.
_NEVER_THE_SAME = re.compile(r"GetMetric")
# Whoever asks about a piece of work that AWS is at asks again until it is done.
_WORK = re.compile(r"(?:Job|Query|Command|Execution|Report|Operation|Task)Id$", re.IGNORECASE)
_ROLE = "AssumeRole"
# botocore renews a role's credentials a quarter of an hour before they end.
_ROLE_LASTS = timedelta(minutes=20)
_DENIED = re.compile(r"AccessDenied|Unauthorized|NotAuthorized|AuthorizationError|AuthFailure")
_NOTHING_THERE = re.compile(r"^NoSuch|NotFound")
_PROTOCOL = pickle.HIGHEST_PROTOCOL
_LIMIT_BYTES = 256 * 2**20

Place = tuple[str, ...]
"""Whose answers: the account, the region, and the credentials that ask."""


class Answers:
    """What AWS has answered in one place, at most `limit` bytes of it; later answers are then asked for each time."""

    def __init__(self, place: Place, limit: int = _LIMIT_BYTES) -> None:
        self.place = place
        self._limit = limit
        self._size = 0
        self._kept: dict[str, dict[str, bytes]] = {}
        self._changes: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, str | None], Any] = {}
        # A client of a role's session is made with a client of STS.
        self._making = threading.RLock()

    def get(self, client: Any, operation: str, parameters: Mapping[str, Any], ask: Callable[[], Any]) -> Any:
        """The answer to a call, from `ask` when it is not there yet; what `ask` raises is raised and not kept.

        The caller may do with it as it likes: each one is a copy.
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
                # c7n notes a denied call on the bucket alone, and a bucket that does not match is not looked at.
                log.warning("%s on %s: what this policy sees is not all", _code(error.response), operation)
            raise
        self._keep(service, question, changes, pickle.dumps((answer, False), _PROTOCOL))
        return answer

    def client(self, session: Any, service: str, region: str | None, make: Callable[[], Any]) -> Any:
        """The client of a service for the session's credentials; clients may be used by many threads."""
        credentials = session.get_credentials()
        # Who has none, or is refused a role, is told so by c7n's own client.
        key = credentials.get_frozen_credentials().access_key if credentials else ""
        with self._making:
            known = (key, service, region or session.region_name)
            if known not in self._clients:
                self._clients[known] = make()
            return self._clients[known]

    def _keep(self, service: str, question: str, changes: int, answer: bytes) -> None:
        with self._lock:
            # An answer that was on its way while something changed may be of before the change.
            if self._changes[service] == changes and self._size + len(answer) <= self._limit:
                self._size += len(answer)
                self._kept.setdefault(service, {})[question] = answer

    def _forget(self, service: str) -> None:
        with self._lock:
            self._changes[service] += 1
            self._size -= sum(map(len, self._kept.pop(service, {}).values()))


def _code(answer: Mapping[str, Any]) -> str:
    """The code of an answer that is an error."""
    return str(answer.get("Error", {}).get("Code", ""))


def _can_be_shared(operation: OperationModel, parameters: Mapping[str, Any]) -> bool:
    """Whether the answer to a read is the same whoever asks and whenever, and can be read more than once."""
    if operation.service_model.service_name == "sts":
        # GetCallerIdentity is answered with who asks, which is no part of the question.
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
    """While it lasts, the calls of this process share their answers, also those of the last time in the same place."""
    global _current, _last
    before = _current
    if _last is None or _last.place != place:
        # The answers of the place before go: one account and region is what memory has to hold.
        _last = Answers(place)
    _current = _last
    try:
        yield
    finally:
        _current = before


def install() -> None:
    """Share answers in dry runs where the environment says so; doing it again changes nothing."""
    if not os.environ.get(SWITCH) or hasattr(PullMode.run, "asks_each_time"):
        return
    run, call, make = PullMode.run, BaseClient._make_api_call, Session.client

    @functools.wraps(run)
    def run_sharing(self: Any, *args: Any, **kwargs: Any) -> Any:
        options = self.policy.options
        # An organization's policies look into other accounts: what they ask is not of one place.
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
    # c7n-org puts a chain's last credentials into the environment, and names a single role in the options.
    return tuple(str(value) for value in (
        options.account_id, options.region, options.assume_role, options.profile, os.environ.get("AWS_ACCESS_KEY_ID")))
