"""Records the calls with which an action of c7n changes one resource.

c7n's actions have nothing in common but the calls that they make. So, while an action processes a resource, each call
that changes something is stopped for a moment: the state before is read, the call and its inverse are written to the
journal, and only then the call is made. Its response or error goes to c7n unchanged. Afterwards the resource is read
again.

| before the call | then |
|---|---|
| the state cannot be read | the call is not made, and the error goes to c7n |
| the call must not be made, or the journal cannot be written | the call is not made, and NotMade is raised |
| the call would change nothing | the call is made, and not recorded |
"""
from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from botocore import xform_name
from botocore.client import BaseClient

from ...aws import AWS_ERRORS, does_not_exist, may_have_happened, reason_of
from ...errors import CannotRead, Refusal
from ...fixing import Answer, Call, FixResult, Left, Outcome, Step, Work, conclude, nothing_left
from ...vocabulary import is_read
from .change import Attempt, Change, unknown
from .changes import CHANGES


class NotMade(Exception):
    """A call was not made; the result of the recorder says why."""


class Recorder:
    """The changes of one resource by one action of c7n."""

    def __init__(self, action: str, settings: Mapping[str, Any], resource: Mapping[str, Any]) -> None:
        self._action = action
        self._settings = settings
        self._resource = resource
        self._work = Work(self._make)
        self._changes: dict[str, Change] = {}
        self._pending: Callable[[], Any] = dict
        self._response: Any = None
        self._error: Exception | None = None
        self._refused = self._gone = ""
        self._unreadable: list[str] = []
        self._planner: int | None = None
        self._no_change = False
        self._unsure: set[str] = set()
        # c7n makes some calls in threads of its own, which do not know the journal of this resource.
        self._context = contextvars.copy_context()
        self._lock = threading.RLock()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside this context, the recorder sees every call to AWS of this process."""
        original = BaseClient._make_api_call

        def make_api_call(client: Any, operation_name: str, api_params: Any) -> Any:
            return self.call(client, operation_name, api_params, lambda: original(client, operation_name, api_params))

        BaseClient._make_api_call = make_api_call
        try:
            yield
        finally:
            BaseClient._make_api_call = original

    def call(self, client: Any, operation: str, parameters: Mapping[str, Any], make: Callable[[], Any]) -> Any:
        """The response of a call that `make` makes; a call that changes something is recorded first.

        Raises what `make` and reading the state before raise, and NotMade.
        """
        if is_read(operation):
            try:
                return make()
            except AWS_ERRORS as error:
                # A plan knows which settings may be absent.
                if self._planner != threading.get_ident():
                    self._unreadable.append(reason_of(error))
                raise
        with self._lock:
            wanted = Call(client.meta.service_model.service_name, xform_name(operation), parameters)
            key = repr(wanted)
            # After an attempt that AWS may have carried out, the state before it is no longer there to be read.
            change = self._changes[key] if key in self._unsure else self._planned(Attempt(
                client, wanted, self._resource, self._settings))
            if change is None:
                self._no_change = True
                return make()
            return self._recorded(change, make)

    def _planned(self, attempt: Attempt) -> Change | None:
        call = attempt.call
        plan = CHANGES.get((call.service, call.operation))
        self._planner = threading.get_ident()
        try:
            return plan(attempt) if plan else unknown(call)
        except Refusal as refusal:
            self._refused = str(refusal)
            raise NotMade(self._refused) from refusal
        except (*AWS_ERRORS, CannotRead) as error:
            if does_not_exist(error):
                self._gone = reason_of(error)
            self._unreadable.append(reason_of(error))
            raise
        finally:
            self._planner = None

    def _recorded(self, change: Change, make: Callable[[], Any]) -> Any:
        key = repr(change.step.call)
        self._changes[key] = change
        self._pending, self._response, self._error = make, None, None
        self._context.run(self._work.attempt, change.step)
        if self._error is not None:
            if may_have_happened(self._error):
                self._unsure.add(key)
            raise self._error
        if self._response is None:
            raise NotMade(self._work.problems[-1])
        return self._response

    def _make(self, _: Step) -> Answer:
        try:
            self._response = self._pending()
        except AWS_ERRORS as error:
            self._error = error
            raise
        answer: Answer = self._response or {}
        return answer

    def result(self, error: Exception | None = None, logged: Sequence[str] = ()) -> FixResult:
        """Read the resource again, and return how the action ended.

        Args:
            error: what the action raised.
            logged: the errors that it logged.

        Raises `error` if it is unexpected and nothing was changed.
        """
        if not self._changes:
            return self._without_changes(error, logged)
        if not self._work.problems:
            # c7n's error only counts what failed, if a call has failed.
            self._work.problems += [_text(error)] if error else logged
        remaining = self._work.read_again(self._left, further=False, settled=nothing_left)
        return conclude(self._work, remaining)

    def _left(self) -> Left:
        return [change.step for change in self._changes.values() if not change.is_done()]

    def _without_changes(self, error: Exception | None, logged: Sequence[str]) -> FixResult:
        if self._gone:
            return FixResult(Outcome.ALREADY_OK, f"it no longer exists: {self._gone}")
        if self._refused:
            return FixResult(Outcome.REFUSED, self._refused)
        if problems := [*self._unreadable, *logged]:
            return FixResult(Outcome.FAILED, "; ".join(dict.fromkeys(problems)))
        if error is not None:
            raise error
        if self._no_change:
            return FixResult(Outcome.ALREADY_OK)
        return FixResult(Outcome.REFUSED, f"c7n's {self._action} makes no change to this resource")


def _text(error: Exception) -> str:
    return reason_of(error) if isinstance(error, AWS_ERRORS) else f"{type(error).__name__}: {reason_of(error)}"
