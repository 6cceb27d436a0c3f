"""Runs c7n-org over (account, region) targets, each with its policies.

No process outlives the run: they are stopped on an error, Ctrl-C and SIGTERM, and end by themselves when the run is
killed (`lifeline`).
"""
from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..accounts import Account, accounts_file
from ..command import program
from ..limits import SWEEPS, TARGETS_PER_SWEEP, WORKERS_PER_PROCESSOR
from ..paths import PRIVATE_UMASK, create_private, make_private, write_text
from ..policies import Policy, merged
from ..results import THROTTLED
from ..yamlfile import dump
from .lifeline import lifeline
from .progress import Advance, Progress

STARTED = re.compile(r"c7n_org:DEBUG Running policy:(\S+) account:(.+) region:(\S+)$", re.MULTILINE)
_WORKERS = "C7N_ORG_PARALLEL"
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 5.0
# Makes a sweep send each request to AWS once (custom_actions/patches). c7n's own cache is always off: it hands
# one policy's incomplete list to the next policy, and hands on the keys that another policy added to a bucket.
_ASK_ONCE = {"GUARDRAILS_ASK_ONCE": "1"}
# The resource types that c7n loads instead of all.
_RESOURCE_TYPES = "GUARDRAILS_RESOURCE_TYPES"

Target = tuple[Account, str]
Work = Mapping[Target, tuple[Policy, ...]]


@dataclass(frozen=True)
class Batch:
    """The work of one c7n-org process: the same policies for every target."""

    policies: tuple[Policy, ...]
    targets: tuple[Target, ...]

    def regions(self) -> list[tuple[Account, list[str]]]:
        """Each account with its regions."""
        found: dict[str, tuple[Account, list[str]]] = {}
        for account, region in self.targets:
            found.setdefault(account.name, (account, []))[1].append(region)
        return list(found.values())


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

    sweeps: int = SWEEPS
    """c7n-org processes."""
    workers: int | None = None
    """Worker processes of each c7n-org process, about 80 MB of memory each. None for the value of C7N_ORG_PARALLEL
    in the environment, or 4 per processor if it is not set."""

    def environment(self, targets: int) -> dict[str, str]:
        """What to add to the environment of a c7n-org process with this number of targets."""
        if self.workers is None and _WORKERS in os.environ:
            return {}
        # c7n-org starts all its workers at once; idle ones would only cost memory.
        workers = self.workers or WORKERS_PER_PROCESSOR * (os.cpu_count() or 1)
        return {_WORKERS: str(min(targets, workers))}


DEFAULT_CONCURRENCY = Concurrency()


def batches(work: Work) -> list[Batch]:
    """The targets, grouped by equal policies, at most TARGETS_PER_SWEEP in a batch."""
    found: dict[tuple[str, ...], tuple[tuple[Policy, ...], list[Target]]] = {}
    for target, policies in work.items():
        if policies:
            found.setdefault(tuple(policy.name for policy in policies), (policies, []))[1].append(target)
    return [
        Batch(policies, tuple(targets[first:first + TARGETS_PER_SWEEP]))
        for policies, targets in found.values() for first in range(0, len(targets), TARGETS_PER_SWEEP)
    ]


@dataclass(frozen=True)
class Ended:
    """One c7n-org process that has ended or was stopped."""

    batch: Batch
    log: str
    """Its whole log."""
    output: Path
    """The directory with `ACCOUNT/REGION/POLICY/` of every batch."""
    start: int
    """1, or more if it was started again for work that an earlier process did not reach."""
    stopped: bool
    """Whether we stopped it before it had finished."""

    @property
    def work(self) -> Work:
        """The work that it was given."""
        return dict.fromkeys(self.batch.targets, self.batch.policies)


def run(
    work: Work, how: How, directory: Path, variables: Mapping[str, Any], *,
    ended: Callable[[Ended], Work], progress: Advance = lambda progress: None,
    environment: Mapping[str, str] = MappingProxyType({}), concurrency: Concurrency = DEFAULT_CONCURRENCY,
    stop_on: re.Pattern[str] | None = None,
) -> str:
    """Run every batch of `work`, `concurrency.sweeps` of them at the same time.

    Returns the line of a log that matched `stop_on`, so that every process was stopped; empty if none did.

    Args:
        directory: receives `policies-…yml`, `accounts-…yml` and `log-…txt` of each batch, and
            `output/ACCOUNT/REGION/POLICY/`.
        variables: the `vars` of accounts.yml.
        ended: called with each c7n-org process as soon as it has ended; returns the work to start again.
        progress: called several times a second.
        environment: variables to add to this process's environment.
        stop_on: stop every process as soon as a log of c7n-org matches this.

    Raises GuardrailsError if c7n-org cannot be started. On Ctrl-C or SIGTERM every child is stopped and passed to
    `ended` before KeyboardInterrupt is raised.
    """
    output = directory / "output"
    # Also when an older run is resumed, whose directory was created by an older version.
    for place in (directory, output):
        make_private(place)
    waiting = deque((batch, 1) for batch in batches(work))
    running: list[_Process] = []
    started = throttled = number = 0
    # c7n-org needs a directory for its cache even when the cache is off, and would create one in the user's home.
    with (
        tempfile.TemporaryDirectory(prefix="guardrails-cache-") as nowhere, _terminated_is_interrupted(),
        lifeline(Path(nowhere)) as alive,
    ):
        try:
            while waiting or running:
                while waiting and len(running) < concurrency.sweeps:
                    batch, start = waiting.popleft()
                    number += 1
                    label = _label(directory, start, number)
                    process = _Process(batch, how, directory, output, variables, label, start)
                    running.append(process)
                    process.start(nowhere, {**environment, **alive, **concurrency.environment(len(batch.targets))})
                time.sleep(_POLL_SECONDS)
                for process in list(running):
                    done = process.has_ended()
                    new = process.read()
                    started += len(STARTED.findall(new))
                    throttled += len(THROTTLED.findall(new))
                    if stop_on and (found := stop_on.search(new)):
                        return found[0]
                    if done:
                        running.remove(process)
                        again = ended(process.ended(stopped=False))
                        started -= sum(len(policies) for policies in again.values())
                        waiting.extendleft((batch, process.start_number + 1) for batch in batches(again))
                progress(Progress(max(started, 0), throttled))
        finally:
            for process in running:
                process.stop()
            for process in running:
                ended(process.ended(stopped=True))
    return ""


def _label(directory: Path, start: int, number: int) -> str:
    """A name for the files of one process that no file of an earlier, resumed run has."""
    label = f"{start}-{number}"
    while (directory / f"log-{label}.txt").exists():
        number += 1
        label = f"{start}-{number}"
    return label


class _Process:
    """One c7n-org process with its files."""

    def __init__(
        self, batch: Batch, how: How, directory: Path, output: Path, variables: Mapping[str, Any], label: str,
        start_number: int,
    ) -> None:
        self._use = write_text(
            directory / f"policies-{label}.yml", dump(merged(batch.policies, mode=how.mode, actions=how.actions))
        )
        self._config = write_text(
            directory / f"accounts-{label}.yml", dump(accounts_file(batch.regions(), variables))
        )
        for (account, region), policy in product(batch.targets, batch.policies):
            # The output of an interrupted run must not be read as the output of this one.
            shutil.rmtree(output / account.name / region / policy.name, ignore_errors=True)
        self._log = directory / f"log-{label}.txt"
        self._batch = batch
        self._how = how
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._read_to = 0
        self.start_number = start_number

    def start(self, nowhere: str, environment: Mapping[str, str]) -> None:
        # With -v c7n-org logs each policy that it starts: only that distinguishes "not reached" from "found nothing".
        command = [
            str(program("c7n-org")), "run", "-v", "-c", str(self._config), "-u", str(self._use),
            "-s", str(self._output), "--cache-path", nowhere, "--cache-period", "0",
        ]
        if self._how.dryrun:
            command.append("--dryrun")
        create_private(self._log)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, umask=PRIVATE_UMASK,
                env={**os.environ, **environment, **(self._sharing() if self._how.ask_once else {})},
            )

    def _sharing(self) -> Mapping[str, str]:
        types = {policy.resource for policy in self._batch.policies}
        return {**_ASK_ONCE, _RESOURCE_TYPES: ",".join(sorted(types))}

    def has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def read(self) -> str:
        """The complete lines that are in the log since the last call."""
        with self._log.open("rb") as log:
            log.seek(self._read_to)
            new = log.read()
        whole = new.rfind(b"\n") + 1
        self._read_to += whole
        return new[:whole].decode(errors="replace")

    def ended(self, *, stopped: bool) -> Ended:
        """The ended process with its whole log."""
        log = self._log.read_text(errors="replace") if self._log.exists() else ""
        return Ended(self._batch, log, self._output, self.start_number, stopped)

    def stop(self) -> None:
        """Stop c7n-org and its workers, which are one process group."""
        if self._process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(_GRACE_SECONDS)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


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
