"""What became of cases: values, so that the verb prints them and tests assert on them."""
from __future__ import annotations

import io
import logging
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from .files import Case

_Result = TypeVar("_Result")
_SHOWN = 2000
"""Characters of what was seen: an answer of AWS can be long."""


@dataclass(frozen=True)
class CaseFailure:
    """A case that is not as expected, or something that is wrong with all cases of a policy."""

    case: str
    """The name of the case; empty when it is about all cases."""
    expected: str
    seen: str
    where: str = ""
    """`file:line` of the case, or of the policy."""
    detail: str = ""
    """The log of c7n, and the traceback of an error that was not expected."""

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.case}".strip(": "), f"expected: {self.expected}", f"seen: {self.seen}"]
        return "\n".join(line for line in (*lines, self.detail) if line)


@dataclass(frozen=True)
class CaseResult:
    """One case that was run."""

    name: str
    where: str
    seconds: float
    failure: CaseFailure | None = None


@dataclass(frozen=True)
class PolicyResult:
    """All cases of one policy."""

    policy: str
    where: str
    """`file:line` of the policy."""
    cases: Sequence[CaseResult] = ()
    whole: Sequence[CaseFailure] = ()
    """What is wrong with the cases as a whole, such as a filter that none of them decides."""

    @property
    def failures(self) -> list[CaseFailure]:
        """Every failure."""
        return [*(case.failure for case in self.cases if case.failure), *self.whole]

    @property
    def seconds(self) -> float:
        """How long the cases took."""
        return sum(case.seconds for case in self.cases)


class NotAsExpected(Exception):
    """Something in a case is not as expected."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected: {expected}; seen: {seen}")
        self.expected, self.seen = expected, seen


def expect(holds: bool, expected: str, seen: object) -> None:
    """Raise NotAsExpected unless it holds."""
    if not holds:
        text = str(seen)
        raise NotAsExpected(expected, text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def attempt(case: Case, run: Callable[[], _Result]) -> tuple[_Result | None, CaseResult]:
    """Run something of a case; returns its result, None if it failed, and what became of the case."""
    started, result, failure = time.monotonic(), None, None
    with _log() as log:
        try:
            result = run()
        except NotAsExpected as error:
            failure = CaseFailure(case.name, error.expected, error.seen, case.where, log.getvalue().strip())
        except Exception as error:  # noqa: BLE001 - a call that AWS refuses, an error of c7n: the case has failed
            seen = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
            detail = f"{log.getvalue()}{''.join(traceback.format_exception(error))}".strip()
            failure = CaseFailure(case.name, "no error", seen, case.where, detail)
    return result, CaseResult(case.name, case.where, time.monotonic() - started, failure)


@contextmanager
def _log() -> Iterator[io.StringIO]:
    """What is logged as a warning or worse, instead of on standard error."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield stream
    finally:
        logging.getLogger().removeHandler(handler)
