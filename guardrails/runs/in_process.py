"""Runs c7n-org's runner in this process, one (account, region) after the other: for a Lambda function or a task.

A function has no /dev/shm, so the process pool of `c7n-org run` fails there. `c7n-org run --debug` has no pool, but
opens a debugger when a policy fails. So this calls what each worker of that pool calls, `c7n_org.cli.run_account`, and
writes the same log lines and the same output: a run is judged by the same code (`accounting`).

Responses are shared between policies only if GUARDRAILS_ASK_ONCE is in the environment before c7n is imported.
"""
from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..accounts import Account, accounts_file
from ..paths import PRIVATE_UMASK, make_private
from ..policies import Policy, merged
from ..results import THROTTLED
from .c7n_org import DEFAULT_CONCURRENCY, STARTED, Concurrency, Ended, How, Target, Work
from .progress import Advance, Progress, unseen
from .target import LEVELS, LOG_FORMAT

_OUT_OF_TIME = "out of time: the shard did not end within {seconds:.0f} seconds"
_LOGGED = ("c7n_org", "custodian")
_LEVELS = {**dict.fromkeys(_LOGGED, logging.DEBUG), **LEVELS}


class OutOfTime(BaseException):
    """The time is over. No Exception: c7n continues with the next policy after any of these."""


@dataclass
class InProcess:
    """A runner with the arguments of `c7n_org.run`, for a process that has only so much time."""

    seconds: float | None = None
    """So many seconds after this was made, the rest is not run, and its checks say so; None without a limit."""
    out_of_time: bool = field(default=False, init=False)
    """Whether a run has ended because the time was over."""
    _until: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.seconds is not None:
            self._until = time.monotonic() + self.seconds

    def __call__(
        self, work: Work, how: How, directory: Path, variables: Mapping[str, Any], *,
        ended: Callable[[Ended], Work], show: Callable[[], AbstractContextManager[Advance]] | None = None,
        environment: Mapping[str, str] = MappingProxyType({}), concurrency: Concurrency = DEFAULT_CONCURRENCY,
        stop_on: re.Pattern[str] | None = None,
    ) -> str:
        """Run the work, one account and region after the other; the arguments and the result are those of `run`."""
        output = directory / "output"
        for place in (directory, output):
            make_private(place)
        waiting = deque((target, policies, 1) for target, policies in work.items() if policies)
        started = throttled = 0
        with (
            _changed_environment(environment), _private_files(), tempfile.TemporaryDirectory() as nowhere,
            show() if show else nullcontext(unseen) as advance,
        ):
            _forget_earlier_responses()
            while waiting:
                target, policies, start = waiting.popleft()
                with _log_lines(directory) as log:
                    self._run_target(target, policies, how, variables, output, nowhere)
                text = log.read_text(errors="replace")
                log.unlink()
                started += len(STARTED.findall(text))
                throttled += len(THROTTLED.findall(text))
                if stop_on and (found := stop_on.search(text)):
                    return found[0]
                again = ended(Ended(target, policies, text, output, start, stopped=False))
                started -= sum(len(missed) for missed in again.values())
                waiting.extendleft((*each, start + 1) for each in again.items() if each[1])
                advance(Progress(max(started, 0), throttled))
        return ""

    def _run_target(
        self, target: Target, policies: tuple[Policy, ...], how: How, variables: Mapping[str, Any], output: Path,
        nowhere: str,
    ) -> None:
        """Run the policies in one account and region. What happens is in the log."""
        from c7n_org import cli

        account, region = target
        for policy in policies:
            # The output of an interrupted run must not be read as the output of this one.
            shutil.rmtree(output / account.name / region / policy.name, ignore_errors=True)
        [entry] = cli.accounts_iterator(accounts_file([(account, [region])], variables))
        try:
            with _time_limit(self._until):
                cli.run_account(
                    entry, region, _fresh(policies, how), str(output), 0, nowhere, None, how.dryrun, False)
        except OutOfTime:
            self.out_of_time = True
            self._failed(account, region, _OUT_OF_TIME.format(seconds=self.seconds))
        except Exception as error:  # noqa: BLE001 - c7n-org reports a worker's error in the same way
            self._failed(account, region, str(error))

    @staticmethod
    def _failed(account: Account, region: str, why: str) -> None:
        from c7n_org import cli

        cli.log.warning("Error running policy in %s @ %s exception: %s", account.name, region, why)


def _fresh(policies: tuple[Policy, ...], how: How) -> dict[str, Any]:
    """The policies as c7n-org reads them from its file. A copy for each target: c7n fills them in."""
    return merged(policies, mode=how.mode, actions=how.actions)


def _forget_earlier_responses() -> None:
    """A function's process handles one shard after the other, minutes or hours apart."""
    from custom_actions.patches import forget_responses

    forget_responses()


@contextmanager
def _changed_environment(added: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _private_files() -> Iterator[None]:
    before = os.umask(PRIVATE_UMASK)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _log_lines(directory: Path) -> Iterator[Path]:
    """A file with what c7n-org logs in this context, in the form of its command line. It goes nowhere else."""
    from c7n_org import cli

    handle, name = tempfile.mkstemp(dir=directory, prefix="log-", suffix=".txt")
    os.close(handle)
    handler = logging.FileHandler(name)
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    handler.addFilter(cli.LogFilter())
    loggers = [logging.getLogger(each) for each in _LOGGED]
    levels = {each_name: logging.getLogger(each_name).level for each_name in _LEVELS}
    propagated = [each.propagate for each in loggers]
    for each_name, level in _LEVELS.items():
        logging.getLogger(each_name).setLevel(level)
    for each in loggers:
        each.addHandler(handler)
        each.propagate = False
    try:
        yield Path(name)
    finally:
        for each, propagate in zip(loggers, propagated, strict=True):
            each.removeHandler(handler)
            each.propagate = propagate
        for each_name, level in levels.items():
            logging.getLogger(each_name).setLevel(level)
        handler.close()


@contextmanager
def _time_limit(until: float | None) -> Iterator[None]:
    """Raise OutOfTime in this context when the time `until` (monotonic) has come.

    Elsewhere than in the main thread, only if it has come already.
    """
    if until is None:
        yield
        return
    if (left := until - time.monotonic()) <= 0:
        raise OutOfTime
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, left)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
