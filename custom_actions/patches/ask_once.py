"""Makes each AWS call only once in a sweep, and shares the responses between policies.

The policies of one account and region make the same calls, for example to list access keys or trails. c7n's cache
shares only the lists of resources; calls that filters make for single resources are repeated by every policy. It also
shares too much: it keeps a list that a throttled call has cut short, and only the first policy's log mentions that. And
two policies on `aws.s3` whose `query` says `detect` get the same buckets, with the details that the first one read.

This patch shares the responses of single calls, and every policy builds its own lists from them. Errors are not kept:
every policy that needs the data makes the call itself, and has the error in its own log. Denied calls are logged here,
because c7n does not log all of them. "Not found" errors are kept like other responses.

Clients are shared too: c7n creates a session in every thread, and creating a client takes longer than most calls. All
threads share them (side_by_side), so the number of calls a second is bounded for each account, region and service:
botocore's retry mode `adaptive` slows a client down as soon as AWS throttles, to a rate that AWS accepts.

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
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from c7n.policy import PullMode

from ..aws import ANSWERED, IamInBulk, Send, list_buckets
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
THREADS = 16
"""How many calls one account and region may wait for at a time."""
_ATTEMPTS = 5
"""As many as botocore's default mode makes; `adaptive` would make three."""
_SHORT = 200

Place = tuple[str, ...]
"""What responses are shared for: the account, the region, and the credentials of the calls."""
Question = tuple[Any, ...]
"""A call: the client's region and endpoint, the operation, and its parameters."""


class Answers:
    """The responses of AWS for one place, at most `limit` bytes. Beyond the limit, calls are made every time."""

    def __init__(self, place: Place, limit: int = _LIMIT_BYTES) -> None:
        self.place = place
        self._limit = limit
        self._size = 0
        self._kept: dict[str, dict[Question, bytes]] = {}
        self._changes: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._iam: dict[Question, IamInBulk] = {}
        self._clients: dict[tuple[Any, ...], Any] = {}
        # Reentrant: creating a client for a role's session creates an STS client.
        self._making = threading.RLock()

    def get(self, client: Any, operation: str, parameters: Mapping[str, Any], send: Send) -> Any:
        """The response to a call. `send` makes the call if the response is unknown; its errors are raised and not kept.

        The result is a copy, so the caller may change it.
        """
        service = str(client.meta.service_model.service_name)
        question = _question(client, operation, parameters)
        with self._lock:
            known = self._kept.get(service, {}).get(question)
            changes = self._changes[service]
        if known is not None:
            answer, nothing = pickle.loads(known)  # noqa: S301 # nosec - of this process's own memory
            if nothing:
                raise client.exceptions.from_code(_code(answer))(answer, operation)
            if operation != _ROLE or _lasts(answer):
                return answer
        if not (is_read(operation) or operation == _ROLE):
            try:
                return send(operation, parameters)
            finally:
                self._forget(service)
        if not _can_be_shared(client.meta.service_model.operation_model(operation), parameters):
            return send(operation, parameters)
        if service == "iam" and operation in ANSWERED:
            answer = self._iam_of(client).answer(operation, parameters, send)
            if answer is not None:
                return answer
        try:
            answer = self._send(client, operation, parameters, send, changes)
        except ClientError as error:
            if is_kept(error):
                self._keep(service, question, changes, (error.response, True))
            elif _DENIED.search(_code(error.response)):
                # c7n notes a denied call only on the bucket, and nobody sees that if the bucket does not match.
                log.warning("%s on %s%s: the results of this policy are incomplete",
                            _code(error.response), operation, _about(parameters))
            raise
        self._keep(service, question, changes, (answer, False))
        return answer

    def client(
        self, session: Any, service: str, region: str | None, config: Any, make: Callable[[], Any],
    ) -> Any:
        """The client of a service for the session's credentials. Clients are thread-safe.

        `config` is botocore's configuration of the client, or None.
        """
        credentials = session.get_credentials()
        # Missing credentials or a denied role cause an error in c7n's own client.
        key = credentials.get_frozen_credentials().access_key if credentials else ""
        options = repr(sorted(config._user_provided_options.items())) if config else ""
        with self._making:
            known = (key, service, region or session.region_name, options)
            if known not in self._clients:
                self._clients[known] = make()
            return self._clients[known]

    def _send(
        self, client: Any, operation: str, parameters: Mapping[str, Any], send: Send, changes: int,
    ) -> Any:
        """Make a call, and take from the response what answers other calls, too."""
        service = client.meta.service_model.service_name
        if (service, operation) == ("s3", "ListBuckets") and not parameters:
            answer, locations = list_buckets(send)
            for bucket, constraint in locations.items():
                self._keep(service, _question(client, "GetBucketLocation", {"Bucket": bucket}), changes,
                           ({"LocationConstraint": constraint}, False))
            return answer
        answer = send(operation, parameters)
        if service == "iam" and self._changes[service] == changes:
            self._iam_of(client).notice(operation, answer)
        return answer

    def _iam_of(self, client: Any) -> IamInBulk:
        with self._lock:
            return self._iam.setdefault(_question(client, "", {}), IamInBulk())

    def _keep(self, service: str, question: Question, changes: int, answer: tuple[Any, bool]) -> None:
        packed = pickle.dumps((_without_headers(answer[0]), answer[1]), _PROTOCOL)
        with self._lock:
            # If something changed during the call, the response may be from before the change.
            if self._changes[service] == changes and self._size + len(packed) <= self._limit:
                self._size += len(packed)
                self._kept.setdefault(service, {})[question] = packed

    def _forget(self, service: str) -> None:
        with self._lock:
            self._changes[service] += 1
            self._size -= sum(map(len, self._kept.pop(service, {}).values()))
            if service == "iam":
                self._iam.clear()


def _question(client: Any, operation: str, parameters: Mapping[str, Any]) -> Question:
    """What equal calls share."""
    where = (client.meta.region_name, client.meta.endpoint_url, operation)
    if all(type(value) is str for value in parameters.values()):  # much faster than JSON
        return (*where, *sorted(parameters.items()))
    return (*where, json.dumps(parameters, sort_keys=True, default=repr))


def for_many_threads(session: Any, config: Config | None) -> Config:
    """The configuration of a shared client: `config`, a connection for each thread, and the retry mode `adaptive`.

    What a user has configured stays: the retry mode, or the number of attempts.
    """
    core = session._session
    retries: dict[str, Any] = {}
    # botocore's own variable has a default, which does not tell whether anybody has chosen it.
    if not (os.environ.get("AWS_RETRY_MODE") or core.get_scoped_config().get("retry_mode")):
        retries["mode"] = "adaptive"
        if core.get_config_variable("max_attempts") is None:
            retries["total_max_attempts"] = _ATTEMPTS
    ours = Config(max_pool_connections=THREADS, **({"retries": retries} if retries else {}))
    return ours.merge(config) if config else ours


def _code(answer: Mapping[str, Any]) -> str:
    """The error code of a response."""
    return str(answer.get("Error", {}).get("Code", ""))


def _without_headers(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The response without its HTTP headers, which no policy reads: they are most of a small response."""
    metadata = answer.get("ResponseMetadata")
    if not metadata or "HTTPHeaders" not in metadata:
        return answer
    return {**answer, "ResponseMetadata": {key: value for key, value in metadata.items() if key != "HTTPHeaders"}}


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


def switched_on() -> bool:
    """Whether the environment variable says that dry runs share responses."""
    return bool(os.environ.get(SWITCH))


def is_sharing() -> bool:
    """Whether a policy runs that shares responses."""
    return _current is not None


def is_kept(error: Exception) -> bool:
    """Whether an error is shared like a response: that something does not exist."""
    return isinstance(error, ClientError) and bool(_NOTHING_THERE.search(_code(error.response)))


def forget_responses() -> None:
    """Discard all responses: those of a process that begins another sweep are too old for it."""
    global _last
    _last = None


def install() -> None:
    """Share responses in dry runs if the environment variable is set. Calling it again has no effect."""
    if not switched_on() or hasattr(PullMode.run, "asks_each_time"):
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
        return _current.get(self, operation_name, api_params, functools.partial(call, self))

    @functools.wraps(make)
    def client_once(self: Any, service_name: str, region_name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        if _current is None or args or kwargs.keys() - {"config"}:
            return make(self, service_name, region_name, *args, **kwargs)
        config = kwargs.get("config")
        return _current.client(self, service_name, region_name, config, lambda: make(
            self, service_name, region_name, config=for_many_threads(self, config)))

    run_sharing.asks_each_time = run  # type: ignore[attr-defined]
    PullMode.run = run_sharing
    BaseClient._make_api_call = call_once
    Session.client = client_once


def share_responses() -> None:
    """Switch sharing on or off as the environment says now, in a process that has installed the patches before.

    A process of a sweep is a copy of one that has loaded c7n already, without the variable. Without it this does
    nothing: a process that has begun to share goes on.
    """
    install()


def _place(options: Any) -> Place:
    # For a chain of roles c7n-org puts the last credentials into the environment; a single role is in the options.
    return tuple(str(value) for value in (
        options.account_id, options.region, options.assume_role, options.profile, os.environ.get("AWS_ACCESS_KEY_ID")))
