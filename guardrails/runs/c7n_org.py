"""Runs c7n-org's work over (account, region) targets, each with its policies, in the workers of one `nursery`.

c7n-org's own program starts a pool of workers, and each of them loads every resource type. It takes the same policies
for all of its targets, tells how far it is only in a log for all of them, and when a worker is killed it gives up
everything that is left. So its `run_account` is called directly (`target`), in a pool that all targets of a sweep
share: whichever worker is free takes the next target, and each target has a log of its own. What `run_account` does in
an account and region is unchanged.

No process outlives the run: they are stopped on an error, Ctrl-C and SIGTERM, and end by themselves when the run is
killed (`lifeline`).
"""
from __future__ import annotations

import os
import pickle  # nosec - for a child of this process
import re
import shutil
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..accounts import Account, accounts_file
from ..errors import GuardrailsError
from ..limits import WORKERS_PER_PROCESSOR
from ..paths import create_private, make_private, write_text
from ..policies import Policy, merged
from ..results import THROTTLED
from ..yamlfile import dump
from .children import Child, can_fork, start
from .lifeline import lifeline
from .nursery import Setting, Task, nursery
from .progress import Advance, Progress, unseen
from .target import TargetRun, c7n_accounts, failed_line

STARTED = re.compile(r"c7n_org:DEBUG Running policy:(\S+) account:(.+) region:(\S+)$", re.MULTILINE)
_WORKERS = "C7N_ORG_PARALLEL"
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 5.0
# Makes a sweep send each request to AWS once (custom_actions/patches). c7n's own cache is always off: it hands
# one policy's incomplete list to the next policy, and hands on the keys that another policy added to a bucket.
_ASK_ONCE = {"GUARDRAILS_ASK_ONCE": "1"}

Target = tuple[Account, str]
Work = Mapping[Target, tuple[Policy, ...]]


@dataclass(frozen=True)
class How:
    """How c7n-org runs the policies."""

    dryrun: bool
    mode: bool
    """Whether policies keep their modes; without a dry run, c7n then deploys them."""
    actions: bool
    """Whether policies keep their actions."""
    ask_once: bool
    """Whether a response from AWS may be reused within the sweep; never while fixes change resources."""


AUDIT = How(dryrun=True, mode=False, actions=False, ask_once=True)
HEAL = How(dryrun=False, mode=False, actions=True, ask_once=False)
DEPLOY = How(dryrun=False, mode=True, actions=True, ask_once=False)


@dataclass(frozen=True)
class Concurrency:
    """How much of a sweep runs at the same time."""

    workers: int | None = None
    """Targets at the same time, each in a process. None for the value of C7N_ORG_PARALLEL in the environment, or 4 per
    processor if it is not set."""

    def number(self, targets: int) -> int:
        """How many workers a sweep of so many targets has. Raises GuardrailsError if C7N_ORG_PARALLEL is no number."""
        given = os.environ.get(_WORKERS, "")
        if self.workers is None and given and not (given.isdecimal() and int(given)):
            raise GuardrailsError(
                f"{_WORKERS}={given!r} is not a number of workers", f"set {_WORKERS}=4, or use --workers")
        workers = self.workers or int(given or WORKERS_PER_PROCESSOR * (os.cpu_count() or 1))
        return max(1, min(targets, workers))


DEFAULT_CONCURRENCY = Concurrency()


@dataclass(frozen=True)
class Ended:
    """The work in one account and region, which has ended or was stopped."""

    target: Target
    policies: tuple[Policy, ...]
    log: str
    """Its whole log."""
    output: Path
    """The directory with `ACCOUNT/REGION/POLICY/` of every target."""
    start: int
    """1, or more if it was started again for policies that an earlier start did not reach."""
    stopped: bool
    """Whether we stopped it before it had finished."""

    @property
    def work(self) -> Work:
        """The work that was given."""
        return {self.target: self.policies}


def run(
    work: Work, how: How, directory: Path, variables: Mapping[str, Any], *,
    ended: Callable[[Ended], Work], show: Callable[[], AbstractContextManager[Advance]] | None = None,
    environment: Mapping[str, str] = MappingProxyType({}), concurrency: Concurrency = DEFAULT_CONCURRENCY,
    stop_on: re.Pattern[str] | None = None,
) -> str:
    """Run the work, as many targets at the same time as there are workers.

    Returns the line of a log that matched `stop_on`, so that everything was stopped; empty if none did.

    Args:
        directory: receives `policies-…yml` and `accounts-…yml` for each list of policies (with these, plain
            c7n-org does the same), `log-…txt` of each target, and `output/ACCOUNT/REGION/POLICY/`.
        variables: the `vars` of accounts.yml.
        ended: called with each target as soon as it has ended; returns the work to start again.
        show: opens the display of the progress; what it yields is called several times a second.
        environment: variables to add to this process's environment.
        stop_on: stop everything as soon as a log matches this.

    Raises GuardrailsError if no process can be started. On Ctrl-C or SIGTERM every child is stopped, and every target
    that is not done is passed to `ended`, before KeyboardInterrupt is raised.
    """
    output = directory / "output"
    # Also when an older run is resumed, whose directory was created by an older version.
    for place in (directory, output):
        make_private(place)
    orders = _Orders(directory, output, how, variables)
    waiting = deque(orders.take(work, 1))
    policies = {policy.name: policy for each in waiting for policy in each.policies}
    if not waiting:
        return ""
    with (
        tempfile.TemporaryDirectory(prefix="guardrails-") as nowhere, _terminated_is_interrupted(),
        lifeline(Path(nowhere)) as alive,
    ):
        log = orders.free("workers", ".txt")
        setting = Setting(
            {**environment, **alive, **(_ASK_ONCE if how.ask_once else {})},
            tuple(sorted({policy.resource for policy in policies.values()})),
            concurrency.number(len(waiting)), str(log))
        # Before the display, which may have a thread.
        pool = _Pool(setting)
        running: dict[int, _Order] = {}
        try:
            with show() if show else nullcontext(unseen) as advance:
                return _until_done(pool, orders, waiting, running, setting.workers, ended, advance, stop_on)
        finally:
            problem = pool.stop(at_once=bool(running or waiting))
            for order in (*running.values(), *waiting):
                if problem:
                    order.note(problem)
                ended(order.ended(stopped=True))


def _until_done(
    pool: _Pool, orders: _Orders, waiting: deque[_Order], running: dict[int, _Order], workers: int,
    ended: Callable[[Ended], Work], advance: Advance, stop_on: re.Pattern[str] | None,
) -> str:
    """Hand out what waits, and take what has ended, until nothing is left, or `stop_on` matches."""
    started = throttled = 0
    looked = 0.0
    while waiting or running:
        while waiting and len(running) < workers:
            order = waiting.popleft()
            running[order.task.number] = order
            pool.send(order.task)
        number = pool.ended(_POLL_SECONDS)
        if number is None and not pool.alive:
            return ""  # what is left is passed on with the reason
        done = running.get(number) if number is not None else None
        every = time.monotonic() - looked >= _POLL_SECONDS
        for order in list(running.values()) if every else [done] if done else []:
            new = order.read()
            started += len(STARTED.findall(new))
            throttled += len(THROTTLED.findall(new))
            if stop_on and (found := stop_on.search(new)):
                return found[0]
        if every:
            looked = time.monotonic()
        if done:
            del running[done.task.number]
            again = ended(done.ended(stopped=False))
            started -= sum(len(policies) for policies in again.values())
            waiting.extendleft(orders.take(again, done.start + 1))
        advance(Progress(max(started, 0), throttled))
    return ""


class _Pool:
    """The nursery, seen from the run."""

    def __init__(self, setting: Setting) -> None:
        try:
            self._child: Child = start(nursery, fork=can_fork(), group=True)
        except OSError as error:
            raise GuardrailsError(
                f"no process can be started: {error.strerror}", "is the memory or the number of processes used up?"
            ) from None
        self.alive = True
        self._log = Path(setting.log)
        with suppress(OSError):  # `ended` will say so
            self._child.connection.send(setting)

    def send(self, task: Task) -> None:
        """Give it the work of a target."""
        with suppress(OSError):
            self._child.connection.send(task)

    def ended(self, seconds: float) -> int | None:
        """The number of a task that has ended; None if none did within this time, or if the nursery has ended."""
        try:
            return int(self._child.connection.recv()) if self._child.connection.poll(seconds) else None
        except (EOFError, OSError):
            self.alive = False
            return None

    def stop(self, *, at_once: bool) -> str:
        """End the nursery and its workers, which are one process group.

        Returns why the nursery had ended before, with the last line that it wrote; empty if it had not.
        """
        self._child.connection.close()
        if at_once and self.alive:
            self._signal(signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        while not self._child.ended() and time.monotonic() < deadline:
            time.sleep(0.01)
        self._signal(signal.SIGKILL)
        how = self._child.how()
        if self.alive:
            return ""
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return ": ".join([f"the process of the workers {how}", *lines[-1:]])

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS: a group of ended processes only
            os.killpg(self._child.pid, number)


@dataclass
class _Order:
    """The work of one target, and the file with its log."""

    target: Target
    policies: tuple[Policy, ...]
    start: int
    task: Task
    output: Path
    _read_to: int = field(default=0, repr=False)

    def read(self) -> str:
        """The complete lines that are in the log since the last call."""
        with open(self.task.log, "rb") as log:
            log.seek(self._read_to)
            new = log.read()
        whole = new.rfind(b"\n") + 1
        self._read_to += whole
        return new[:whole].decode(errors="replace")

    def note(self, problem: str) -> None:
        """Write into the log, as c7n-org does, why it was not done."""
        with open(self.task.log, "a", encoding="utf-8") as log:
            log.write(f"{failed_line(self.task.run, problem)}\n")

    def ended(self, *, stopped: bool) -> Ended:
        log = Path(self.task.log).read_text(errors="replace")
        return Ended(self.target, self.policies, log, self.output, self.start, stopped)


class _Orders:
    """Makes the work of each target what a worker needs, with its files."""

    def __init__(self, directory: Path, output: Path, how: How, variables: Mapping[str, Any]) -> None:
        self._directory = directory
        self._output = output
        self._how = how
        self._variables = variables
        self._numbers = count(1)
        self._used: dict[str, int] = {}

    def free(self, prefix: str, suffix: str) -> Path:
        """`PREFIX-NUMBER.SUFFIX`, which no file has, also none of an earlier, resumed run."""
        while (path := self._directory / f"{prefix}-{self._used.setdefault(prefix, 0) + 1}{suffix}").exists():
            self._used[prefix] += 1
        self._used[prefix] += 1
        return path

    def take(self, work: Work, start: int) -> list[_Order]:
        """An order for each target that has policies; `start`: how often its policies have been started with this."""
        groups: dict[tuple[str, ...], tuple[tuple[Policy, ...], list[Target]]] = {}
        for target, policies in work.items():
            if policies:
                groups.setdefault(tuple(policy.name for policy in policies), (policies, []))[1].append(target)
        return [order for policies, targets in groups.values() for order in self._group(policies, targets, start)]

    def _group(self, policies: tuple[Policy, ...], targets: Sequence[Target], start: int) -> Iterator[_Order]:
        content = merged(policies, mode=self._how.mode, actions=self._how.actions)
        accounts = accounts_file(_regions(targets), self._variables)
        use = write_text(self.free(f"policies-{start}", ".yml"), dump(content))
        write_text(use.with_name(use.name.replace("policies", "accounts", 1)), dump(accounts))
        entries, pickled = c7n_accounts(accounts), pickle.dumps(content)
        for account, region in targets:
            for policy in policies:
                # The output of an interrupted run must not be read as the output of this one.
                shutil.rmtree(self._output / account.name / region / policy.name, ignore_errors=True)
            log = self.free(f"log-{start}", ".txt")
            create_private(log)
            task = Task(next(self._numbers), str(log), TargetRun(
                entries[account.name], region, pickled, str(self._output), self._how.dryrun, account.credentials))
            yield _Order((account, region), policies, start, task, self._output)


def _regions(targets: Sequence[Target]) -> list[tuple[Account, list[str]]]:
    """Each account with its regions."""
    found: dict[str, tuple[Account, list[str]]] = {}
    for account, region in targets:
        found.setdefault(account.name, (account, []))[1].append(region)
    return list(found.values())


@contextmanager
def _terminated_is_interrupted() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C in this context, so that the children are stopped too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def work_for(
    policies: Sequence[Policy], accounts: Sequence[Account], where: Callable[[Policy, Account], Sequence[str]]
) -> dict[Target, tuple[Policy, ...]]:
    """The work of `policies` in `accounts`; `where` returns the regions in which a policy runs in an account."""
    found: dict[Target, list[Policy]] = {}
    for account in accounts:
        for policy in policies:
            for region in where(policy, account):
                found.setdefault((account, region), []).append(policy)
    # Most targets have the same policies: they share one tuple, so that memory does not grow with the accounts.
    shared: dict[tuple[str, ...], tuple[Policy, ...]] = {}
    return {
        target: shared.setdefault(tuple(policy.name for policy in chosen), tuple(chosen))
        for target, chosen in found.items()
    }
