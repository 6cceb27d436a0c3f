"""Runs one fix with one of its calls failing, and checks that outcome, receipt and state agree."""
from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.httpsession import URLLib3Session
from c7n.actions import EventAction
from werkzeug.test import Client

from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.moto_server import ACCOUNT, Moto

from .cloud import Cloud

State = Mapping[str, Any]
"""What is there now, by the name that a receipt has for it; without ids that AWS gives anew."""


@dataclass(frozen=True)
class Drift:
    """Resources with drift, and the policy that fixes them.

    Attributes:
        policy: the policy; its first action is the fix.
        names: the names that the receipts must have; two at least, unless `alone` says why there is one.
        state: reads what the fix may change.
        wrong: what is wrong with the state of one name, in words; nothing when there is no drift.
        event: the event that the policy answers, where it is one for events.
        alone: why there cannot be two resources.
        picks: whether c7n's resource is one of them.
        concerns: the names that a call is about, where one resource of c7n's has several.
    """

    policy: Mapping[str, Any]
    names: Sequence[str]
    state: Callable[[], State]
    wrong: Callable[[Any], set[str]]
    event: Mapping[str, Any] | None = None
    alone: str = ""
    picks: Callable[[Mapping[str, Any]], bool] = lambda resource: True
    concerns: Callable[[Mapping[str, Any]], set[str]] | None = None


@dataclass(frozen=True)
class Fault:
    """How a call fails.

    Attributes:
        error: what the caller gets, from the name of the operation.
        done: whether AWS has done the work before.
        lasting: whether all later calls fail likewise.
    """

    error: Callable[[str], Exception]
    done: bool = False
    lasting: bool = False


def _answer(code: str, status: int) -> Callable[[str], Exception]:
    return lambda operation: ClientError({
        "Error": {"Code": code, "Message": "injected"},
        "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": 0},
    }, operation)


def _timeout(_: str) -> Exception:
    return ReadTimeoutError(endpoint_url="https://aws")


FAULTS: Mapping[str, Fault] = {
    "read timeout": Fault(_timeout),
    "read timeout, done": Fault(_timeout, done=True),
    "500, done": Fault(_answer("InternalFailure", 500), done=True),
    # Our `call` tries again after this code.
    "500 and tried again, done": Fault(_answer("InternalError", 500), done=True),
    "read timeouts from here on": Fault(_timeout, lasting=True),
    "read timeouts from here on, this one done": Fault(_timeout, done=True, lasting=True),
    "denied from here on": Fault(_answer("AccessDenied", 403), lasting=True),
    "connection closed": Fault(lambda _: ConnectionClosedError(endpoint_url="https://aws")),
    "connection closed, done": Fault(lambda _: ConnectionClosedError(endpoint_url="https://aws"), done=True),
    "no connection": Fault(lambda _: EndpointConnectionError(endpoint_url="https://aws")),
    "unknown parameter": Fault(lambda _: ParamValidationError(report="injected")),
    "denied": Fault(_answer("AccessDenied", 403)),
}
READ_TIMEOUT = "read timeout"
IRREVERSIBLE = "irreversible: "
NO_WAY_BACK = "the call that undoes it is unknown"
"""The note in a receipt when the response with a new id was lost, and the resource could not be read again."""


@dataclass(frozen=True)
class Made:
    """A call that a fix made: for which of c7n's resources (None: for all), and whether it was made to fail."""

    operation: str
    parameters: Mapping[str, Any]
    resource: int | None
    failed: bool

    @property
    def reads(self) -> bool:
        return self.operation.startswith(("Get", "Describe", "List", "Lookup"))


class _Watched(list[Any]):
    """A list that knows which of its entries is being worked on."""

    current: int | None = None

    def __iter__(self) -> Iterator[Any]:
        for place, each in enumerate(super().__iter__()):
            self.current = place
            yield each
        self.current = None


class Faults:
    """Counts the calls of a fix, and lets one of them fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[Made] = []
        self._fault: tuple[int, Fault] | None = None
        self._resources: _Watched | None = None
        original = BaseClient._make_api_call

        def make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            if self._resources is None:
                return original(client, operation, parameters)
            number, fault = self._fault or (-1, None)
            fails = fault is not None and (
                len(self.calls) == number or (fault.lasting and len(self.calls) > number >= 0))
            here = len(self.calls) == number
            self.calls.append(Made(operation, copy.deepcopy(parameters), self._resources.current, fails))
            if fails and fault is not None:
                if fault.done and here:
                    original(client, operation, parameters)
                raise fault.error(operation)
            return original(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)

    def run(
        self, action: Any, resources: Sequence[Mapping[str, Any]], event: Any, fault: tuple[int, Fault] | None = None
    ) -> Any:
        """What `action.process` returns, or raises; `calls` has the calls that it made."""
        self.calls.clear()
        self._fault, self._resources = fault, _Watched(copy.deepcopy(list(resources)))
        try:
            if isinstance(action, EventAction):
                return action.process(self._resources, copy.deepcopy(event))
            return action.process(self._resources)
        finally:
            self._resources = None


class Trial:
    """One drift, and its fix, which may be run again and again: each check ends in the state at the beginning.

    Attributes:
        lost: whether the last check could not: no call was known that takes the fix back.
        irreversible: whether no check can.
    """

    lost = irreversible = False
    places: Sequence[int]
    """The places of c7n's resources among the names; set by `clean`."""

    def __init__(self, drift: Drift, cloud: Cloud, faults: Faults, output: Path) -> None:
        self.drift, self._cloud, self._faults = drift, cloud, faults
        self._policy = engine.load(drift.policy, output)
        manager = self._policy.resource_manager
        self._resources = [each for each in manager.resources() if drift.picks(each)]
        [self._action] = manager.actions
        self._written = output / drift.policy["name"] / f"action-{self._action.name}"
        self.start = drift.state()
        assert all(drift.wrong(self.start[name]) for name in drift.names), f"no drift to begin with: {self.start}"

    def clean(self) -> list[Made]:
        """Run the fix with nothing failing; returns the calls that it made."""
        receipts = self._run(None)
        assert {receipt["outcome"] for receipt in receipts} == {"reverted"}, receipts
        # The receipts come in the order of the resources.
        self.places = [self.drift.names.index(receipt["resource"]) for receipt in receipts]
        calls = list(self._faults.calls)
        self._check(receipts)
        return calls

    def fail(self, number: int, fault: Fault) -> None:
        """Run the fix with its call `number`, from 0, failing. Raises AssertionError for what does not agree."""
        self._check(self._run((number, fault)))

    def _run(self, fault: tuple[int, Fault] | None) -> list[dict[str, Any]]:
        self._written.unlink(missing_ok=True)
        with self._policy.ctx:
            try:
                receipts = self._faults.run(self._action, self._resources, self.drift.event, fault)
            except FixIncomplete:
                # c7n writes only what an action returns.
                receipts = json.loads(self._written.read_text(encoding="utf-8"))
                unfinished = True
            else:
                unfinished = False
        # The way back must survive JSON.
        receipts = json.loads(json.dumps(receipts))
        worst = {receipt["outcome"] for receipt in receipts}
        assert unfinished is bool(worst & {"failed", "partial"}), f"raised: {unfinished}, {worst}"
        return list(receipts)

    def _check(self, receipts: Sequence[Mapping[str, Any]]) -> None:
        after, touched = self.drift.state(), self._touched()
        found = [receipt["resource"] for receipt in receipts]
        if found == [ACCOUNT] != list(self.drift.names):
            # Who we are is not known: the account fails, before the event is read.
            assert [receipt["outcome"] for receipt in receipts] == ["failed"], receipts
            assert after == self.start, receipts
            return
        assert sorted(found) == sorted(self.drift.names), receipts
        for receipt in receipts:
            name = receipt["resource"]
            told = f"{receipt}\nbefore: {self.start[name]}\nafter: {after.get(name)}"
            wrong, first = self.drift.wrong(after[name]), self.drift.wrong(self.start[name])
            assert wrong <= first, f"worse than before: {wrong - first}\n{told}"
            if name not in touched:
                assert receipt["outcome"] == "reverted", f"no call of it failed, and it is not fixed\n{told}"
            self._agree(receipt, wrong, changed=after[name] != self.start[name], told=told)
        for receipt in receipts:
            self._take_back(receipt)
        again = self.drift.state()
        self.lost = any(NO_WAY_BACK in note for receipt in receipts for note in receipt["notes"]) or any(
            _irreversible(receipt) and not receipt["inverse"] for receipt in receipts)
        if not self.lost:
            assert again == self.start, f"taken back, it is {again}\nit was {self.start}\n{receipts}"

    def _agree(self, receipt: Mapping[str, Any], wrong: set[str], *, changed: bool, told: str) -> None:
        outcome = receipt["outcome"]
        # Nobody else works here: what is in order was fixed by us. And an error is no reason to refuse for good.
        assert outcome in ("reverted", "partial", "failed"), told
        if outcome == "reverted":
            assert not wrong, f"drift is left: {wrong}\n{told}"
            assert receipt["inverse"] or _irreversible(receipt), told
            assert receipt["removed"] or receipt["added"], told
        elif outcome == "failed":
            assert not changed, f"failed, and yet something was changed\n{told}"
            assert not receipt["inverse"], told
            assert not receipt["removed"], told
            assert not receipt["added"], told
        else:
            assert receipt["inverse"] or _irreversible(receipt) or any(
                NO_WAY_BACK in note for note in receipt["notes"]), told
        if outcome != "reverted":
            assert receipt["reason"], told

    def _take_back(self, receipt: Mapping[str, Any]) -> None:
        unsure = any("may have" in note for note in receipt["notes"])
        for call in receipt["inverse"]:
            try:
                getattr(self._cloud.client(call["service"]), call["operation"])(**call["parameters"])
            except ClientError:
                if not unsure:
                    raise

    def _touched(self) -> set[str]:
        """The names that a failed call was about; a call for no single resource is about all."""
        touched: set[str] = set()
        for made in self._faults.calls:
            if not made.failed:
                continue
            if self.drift.concerns:
                touched |= self.drift.concerns(made.parameters) or set(self.drift.names)
            elif made.resource is None or len(self._resources) != len(self.drift.names):
                touched |= set(self.drift.names)
            else:
                touched.add(self.drift.names[self.places[made.resource]])
        return touched


def _irreversible(receipt: Mapping[str, Any]) -> bool:
    return any(note.startswith(IRREVERSIBLE) for note in receipt["notes"])


def without_detours(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sessions share their clients, and requests reach moto without a socket: most of the time goes into these."""
    known: dict[tuple[Any, ...], Any] = {}
    original = boto3.Session.client

    def client(session: Any, service: str, region_name: str | None = None, **more: Any) -> Any:
        key = (service, region_name or session.region_name, *sorted(map(str, more.items())))
        if key not in known:
            known[key] = original(session, service, region_name=region_name, **more)
        return known[key]

    server = Client(moto.server._server.app)

    def send(_: Any, request: Any) -> AWSResponse:
        body = request.body.read() if hasattr(request.body, "read") else request.body or b""
        body = body.encode() if isinstance(body, str) else body
        url = urlsplit(request.url)
        headers = {key: value.decode() if isinstance(value, bytes) else value for key, value in request.headers.items()}
        answer = server.open(
            path=url.path, query_string=url.query, base_url=f"{url.scheme}://{url.netloc}", method=request.method,
            headers=headers, input_stream=BytesIO(body), content_length=len(body))
        return AWSResponse(request.url, answer.status_code, answer.headers, _Raw(answer.get_data()))

    monkeypatch.setattr(boto3.Session, "client", client)
    monkeypatch.setattr(URLLib3Session, "send", send)


class _Raw(BytesIO):
    """A response's body, as urllib3 gives it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        while chunk := self.read():
            yield chunk
