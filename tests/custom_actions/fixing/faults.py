"""Runs one fix with one of its calls failing, and checks that outcome, receipt and state agree."""
from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)
from c7n.actions import EventAction

from custom_actions.elements.native.action import NativeFix
from custom_actions.fixing.inverses import problem
from custom_actions.fixing.journal import JOURNAL, interrupted
from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.moto_server import ACCOUNT

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
"""How each call that changes something fails."""
ROTATED: Mapping[str, Fault] = {
    "throttled": Fault(_answer("ThrottlingException", 400)),
    "throttled from here on": Fault(_answer("ThrottlingException", 400), lasting=True),
    "expired token from here on": Fault(_answer("ExpiredToken", 403), lasting=True),
}
"""How one call that changes something fails; which one rotates over the fixes."""


class Killed(BaseException):
    """The process ends here: nothing of ours is run after it."""


# Lasting: in a thread, c7n takes even this for an error of one resource, and goes on.
KILLS: Mapping[str, Fault] = {
    "killed before the call": Fault(lambda _: Killed(), lasting=True),
    "killed after it": Fault(lambda _: Killed(), done=True, lasting=True),
}
COLUMNS: Mapping[str, Callable[[str], bool]] = {
    "throttling": lambda kind: "throttled" in kind,
    "5xx": lambda kind: kind.startswith("500"),
    "network error": lambda kind: "timeout" in kind or "connection" in kind,
    "expired token": lambda kind: "expired" in kind,
    "action denied": lambda kind: "denied" in kind,
    "answer lost": lambda kind: kind.endswith("done"),
    "stale reads": lambda kind: "stale" in kind,
    "killed": lambda kind: "killed" in kind,
    "output not writable": lambda kind: "writable" in kind,
    "concurrent change": lambda kind: "concurrent" in kind,
}
"""The columns of docs/reliability.md, each with the faults that belong to it."""
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
        return self.operation.startswith(("BatchGet", "Describe", "Get", "List", "Lookup"))


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
        self.stale = 0
        """How many reads after a change get the old answer."""
        self._old: dict[tuple[str, str], tuple[Any, int]] = {}
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
            return self._perhaps_old(self.calls[-1], lambda: original(client, operation, parameters))

        monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)

    def _perhaps_old(self, made: Made, ask: Callable[[], Any]) -> Any:
        """The answer, or with `stale` the one before the last change."""
        if not self.stale:
            return ask()
        if not made.reads:
            self._old = {key: (answer, self.stale) for key, (answer, _) in self._old.items()}
            return ask()
        key = made.operation, repr(sorted(made.parameters.items()))
        answer, left = self._old.get(key, (None, 0))
        if left:
            self._old[key] = answer, left - 1
            return copy.deepcopy(answer)
        answer = ask()
        if made.operation != "GetCallerIdentity":
            self._old[key] = copy.deepcopy(answer), 0
        return answer

    def run(
        self, action: Any, resources: Sequence[Mapping[str, Any]], event: Any, fault: tuple[int, Fault] | None = None
    ) -> Any:
        """What `action.process` returns, or raises; `calls` has the calls that it made."""
        self.calls.clear()
        self._old.clear()
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
        self._manager = manager
        self._resources = self._read()
        [self._action] = manager.actions
        self._written = output / drift.policy["name"] / f"action-{self._action.name}"
        self.start = drift.state()
        assert all(drift.wrong(self.start[name]) for name in drift.names), f"no drift to begin with: {self.start}"

    def _read(self) -> list[Any]:
        """The policy's resources, as they are now. The event's record may be the reason for which one is in drift."""
        return [each for each in self._manager.resources() if self.drift.picks(each)]

    def clean(self) -> list[Made]:
        """Run the fix with nothing failing; returns the calls that it made."""
        receipts = self._run(None)
        assert {receipt["outcome"] for receipt in receipts} == {"reverted"}, receipts
        # The receipts come in the order of the resources.
        self.places = [self.drift.names.index(receipt["resource"]) for receipt in receipts]
        calls = list(self._faults.calls)
        self._check(receipts)
        return calls

    def fail(self, number: int, fault: Fault, *, again: bool = False) -> None:
        """Run the fix with its call `number`, from 0, failing. Raises AssertionError for what does not agree.

        `again`: then run it once more without a fault, which must complete it.
        """
        receipts = self._run((number, fault))
        self._check(receipts, back=not again)
        if again:
            self._complete(receipts)

    def stale(self, reads: int) -> None:
        """Run the fix while so many reads after each change get the old answer."""
        self._faults.stale = reads
        try:
            receipts = self._run(None)
        finally:
            self._faults.stale = 0
        self._check(receipts, every=True)

    def not_writable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Run the fix while its journal cannot be written: nothing may change."""
        with monkeypatch.context() as patched:
            patched.setattr("custom_actions.fixing.journal.os.write", _full)
            receipts = self._run(None)
        assert {receipt["outcome"] for receipt in receipts} == {"failed"}, receipts
        assert self.drift.state() == self.start, receipts

    def kill(self, number: int, fault: Fault) -> None:
        """Run the fix, and end the process at its call `number`; then run it again, and undo both."""
        journal = self._written.parent / JOURNAL
        journal.unlink(missing_ok=True)
        with contextlib.suppress(Killed):
            self._run((number, fault))
            raise AssertionError("the fix went on")
        written = journal.read_bytes() if journal.exists() else b""
        receipts = interrupted(written)
        after = self.drift.state()
        for name in self.drift.names:
            wrong, first = self.drift.wrong(after[name]), self.drift.wrong(self.start[name])
            assert wrong <= first, f"worse than before: {wrong - first}\n{receipts}"
        changed = {name for name in self.drift.names if after[name] != self.start[name]}
        told = {receipt["resource"] for receipt in receipts}
        assert changed <= told, f"changed without a word: {changed - told}\n{receipts}"
        for receipt in receipts:
            assert not (refused := problem(receipt)), f"rollback would not use it: {refused}\n{receipt}"
        begun = [entry for line in written.splitlines() if "begins" in (entry := json.loads(line))]
        self._complete(receipts, sure=all(entry["inverse"] for entry in begun))

    def _complete(self, receipts: Sequence[Mapping[str, Any]], *, sure: bool = True) -> None:
        """Run the fix again, which must complete it, and undo both. `sure`: whether the receipts have every inverse."""
        self._resources, before = self._read(), self._resources
        if isinstance(self._action, NativeFix):
            # Our own fixes look for drift; c7n's rely on the filters of the policy.
            state, of = self.drift.state(), self._manager.get_model().id
            self._resources = [each for each in self._resources if self.drift.wrong(state[str(each[of])])]
        try:
            later = self._run(None)
        finally:
            self._resources = before
        assert {receipt["outcome"] for receipt in later} <= {"reverted", "already-ok"}, later
        after = self.drift.state()
        left = {name: wrong for name in self.drift.names if (wrong := self.drift.wrong(after[name]))}
        assert not left, f"not complete after another run: {left}\n{later}"
        for receipt in (*later, *receipts):
            self._take_back(receipt, lenient=True)
        self.lost = self.drift.state() != self.start
        assert not self.lost or not sure or _no_way_back((*later, *receipts)), f"taken back, it differs\n{receipts}"

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

    def _check(
        self, receipts: Sequence[Mapping[str, Any]], *, back: bool = True, every: bool = False
    ) -> None:
        """`back`: whether to undo the fix. `every`: whether all resources met the fault."""
        after, touched = self.drift.state(), set(self.drift.names) if every else self._touched()
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
        if not back:
            return
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

    def _take_back(self, receipt: Mapping[str, Any], *, lenient: bool = False) -> None:
        unsure = lenient or any("may have" in note for note in receipt["notes"])
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


def _no_way_back(receipts: Sequence[Mapping[str, Any]]) -> bool:
    return any(_irreversible(receipt) or any(NO_WAY_BACK in note for note in receipt["notes"]) for receipt in receipts)


def _full(*_: Any) -> int:
    raise OSError(28, "No space left on device")
