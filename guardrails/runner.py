"""Runs c7n-org over (account, region) targets, each with its policies, and leaves no process behind."""
from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .accounts import Account, accounts_file
from .errors import GuardrailsError
from .paths import write_text
from .policies import Policy, merged
from .yamlfile import dump

STARTED = re.compile(r"c7n_org:DEBUG Running policy:(\S+) account:(.+) region:(\S+)$", re.MULTILINE)
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 5.0
_AT_ONCE = 2
# c7n's cache holds what was read for this long, in minutes: a sweep reads each resource type once an account and
# region, however long it takes. The cache is this run's own, so nothing older is ever seen.
_CACHE_MINUTES = 24 * 60

Target = tuple[Account, str]
Work = Mapping[Target, tuple[Policy, ...]]


@dataclass(frozen=True)
class Batch:
    """One start of c7n-org: the same policies for every target."""

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
    """What c7n-org is asked to do with the policies."""

    dryrun: bool
    mode: bool
    """Whether policies keep their modes: without a dry run that deploys them."""
    actions: bool
    cache: bool
    """Whether what is read once may be used again; never where fixes change it."""


AUDIT = How(dryrun=True, mode=False, actions=False, cache=True)
HEAL = How(dryrun=False, mode=False, actions=True, cache=False)
DEPLOY = How(dryrun=False, mode=True, actions=True, cache=False)


def batches(work: Work) -> list[Batch]:
    """The targets, put together where their policies are the same."""
    found: dict[tuple[str, ...], tuple[tuple[Policy, ...], list[Target]]] = {}
    for target, policies in work.items():
        if policies:
            found.setdefault(tuple(policy.name for policy in policies), (policies, []))[1].append(target)
    return [Batch(policies, tuple(targets)) for policies, targets in found.values()]


def run(
    work: Work, how: How, directory: Path, variables: Mapping[str, Any], *,
    started: Callable[[int], None] = lambda count: None, label: str = "1",
) -> tuple[str, Path]:
    """Run every batch of `work`; a few at once.

    `directory` receives `policies-…yml`, `accounts-…yml` and `log-…txt` of each batch and `output/ACCOUNT/REGION/
    POLICY/`. `started` is told how many (account, region, policy) have been started so far. Returns all that c7n-org
    logged, and the output directory. Raises GuardrailsError when c7n-org cannot be started; when it is interrupted,
    every child is ended first.
    """
    output = directory / "output"
    output.mkdir(parents=True, exist_ok=True)
    waiting = [_Process(batch, how, directory, output, variables, f"{label}-{number}")
               for number, batch in enumerate(batches(work), 1)]
    every, running = tuple(waiting), list[_Process]()
    with tempfile.TemporaryDirectory(prefix="guardrails-cache-") as cache, _terminated_is_interrupted():
        try:
            while waiting or running:
                while waiting and len(running) < _AT_ONCE:
                    running.append(waiting.pop(0))
                    running[-1].start(cache)
                time.sleep(_POLL_SECONDS)
                started(sum(process.policies_started() for process in every))
                running = [process for process in running if not process.ended()]
        finally:
            for process in running:
                process.stop()
    return "".join(process.log_text() for process in every), output


class _Process:
    """One c7n-org with its files."""

    def __init__(
        self, batch: Batch, how: How, directory: Path, output: Path, variables: Mapping[str, Any], label: str
    ) -> None:
        self._use = write_text(
            directory / f"policies-{label}.yml", dump(merged(batch.policies, mode=how.mode, actions=how.actions))
        )
        self._config = write_text(
            directory / f"accounts-{label}.yml", dump(accounts_file(batch.regions(), variables))
        )
        self._log = directory / f"log-{label}.txt"
        self._how = how
        self._output = output
        self._targets = len(batch.targets)
        self._process: subprocess.Popen[bytes] | None = None
        self._read_to = 0
        self._started = 0

    def start(self, cache: str) -> None:
        # -v makes c7n-org name each policy as it starts it: nothing else tells "not reached" from "found nothing".
        command = [
            str(_program()), "run", "-v", "-c", str(self._config), "-u", str(self._use), "-s", str(self._output),
            "--cache-path", cache, "--cache-period", str(_CACHE_MINUTES if self._how.cache else 0),
        ]
        if self._how.dryrun:
            command.append("--dryrun")
        # c7n-org starts four workers a processor at once; more than there is work for costs memory for nothing.
        workers = min(self._targets, 4 * (os.cpu_count() or 1))
        environment = {"C7N_ORG_PARALLEL": str(workers), **os.environ}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def policies_started(self) -> int:
        """How many policies the log names as started, so far."""
        if self._process is not None:
            with self._log.open("rb") as log:
                log.seek(self._read_to)
                new = log.read()
            whole = new.rfind(b"\n") + 1
            self._read_to += whole
            self._started += len(STARTED.findall(new[:whole].decode(errors="replace")))
        return self._started

    def log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def stop(self) -> None:
        """End c7n-org and its workers: the group that was made for them."""
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


def _program() -> Path:
    program = Path(sys.executable).with_name("c7n-org")
    if not program.exists():
        raise GuardrailsError(f"{program} is missing", "remove .venv and run ./run.sh setup")
    return program


@contextmanager
def _terminated_is_interrupted() -> Iterator[None]:
    """While it lasts, SIGTERM ends the run as Ctrl-C does: with the children."""
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
    """The targets of `policies`, by `where`: the regions in which a policy has to run in an account."""
    found: dict[Target, list[Policy]] = {}
    for account in accounts:
        for policy in policies:
            for region in where(policy, account):
                found.setdefault((account, region), []).append(policy)
    return {target: tuple(chosen) for target, chosen in found.items()}
