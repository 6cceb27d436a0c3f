"""The process that loads what a sweep needs, once, and starts the sweep's workers as copies of itself.

The sweep's own process sends it the work of one account and region at a time, and hears when that has ended. A worker
does one after another. If a worker is killed, only the account and region that it was working on is lost; the log of
that says so, and another worker takes its place.

    the run  <-->  nursery  <-->  worker, worker, …

The workers share the memory of what was loaded before they were started. Where a process cannot be copied (`children`),
each worker is an interpreter of its own, which loads the same.

The nursery has one thread and only ever waits for its connections, so it notices at once when the run has ended. Each
worker watches the run itself (`custom_actions.lifeline`), because it may be in a long call.
"""
from __future__ import annotations

import gc
import logging
import os
import signal
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from custom_actions.lifeline import watch

from ..paths import PRIVATE_UMASK
from .children import Child, can_fork, start
from .target import TargetRun, failed_line, prepare, run_target, write_to

# A worker that has done so many starts afresh: what the libraries keep of each account must not add up.
_TASKS_OF_A_WORKER = 50


@dataclass(frozen=True)
class Setting:
    """What the nursery and its workers need to know before the first account and region."""

    environment: Mapping[str, str]
    """Variables to add to the environment."""
    resources: tuple[str, ...]
    """The resource types of all policies."""
    workers: int
    log: str
    """The file for what the nursery itself has to say."""


@dataclass(frozen=True)
class Task:
    """The work in one account and region, and the file for its log."""

    number: int
    log: str
    run: TargetRun


@dataclass
class _Worker:
    child: Child
    task: Task | None = None
    tasks: int = 0


def nursery(connection: Connection) -> None:
    """The nursery's whole work: receives a Setting, then Tasks, and sends the number of each Task that has ended."""
    # What a copy has of the run is not for its collector: finalizers would close and delete what the run still needs.
    gc.freeze()
    setting: Setting = connection.recv()
    _settle(setting)
    # Also where the workers are no copies: what cannot be loaded is then found once, and not by each of them.
    prepare(setting.resources)
    # In the workers, the collector would write into every object, and so copy the memory that they share.
    gc.collect()
    gc.freeze()
    _Nursery(connection, setting, forks=can_fork()).run()


def worker(connection: Connection) -> None:
    """A worker's whole work in an interpreter of its own: receives a Setting, then TargetRuns."""
    setting: Setting = connection.recv()
    _settle(setting)
    prepare(setting.resources)
    work(connection)


def work(connection: Connection) -> None:
    """A worker's whole work: receives Tasks until the connection is closed, and sends the number of each when done."""
    with suppress(EOFError, ConnectionError):
        while True:
            task: Task = connection.recv()
            write_to(task.log)
            run_target(task.run)
            connection.send(task.number)


def _settle(setting: Setting) -> None:
    os.umask(PRIVATE_UMASK)
    write_to(setting.log)
    os.environ.update(setting.environment)


class _Nursery:
    def __init__(self, connection: Connection, setting: Setting, *, forks: bool) -> None:
        self._run = connection
        self._setting = setting
        self._forks = forks
        self._workers: list[_Worker] = []
        self._waiting: deque[Task] = deque()

    def run(self) -> None:
        """Hand out the work until the run closes its connection."""
        while True:
            busy = {each.child.connection: each for each in self._workers}
            for ready in wait([self._run, *busy]):
                if ready is self._run:
                    try:
                        self._waiting.append(self._run.recv())
                    except (EOFError, ConnectionError):
                        self._end()
                        return
                else:
                    self._heard(busy[ready])  # type: ignore[index]
            self._hand_out()

    def _heard(self, one: _Worker) -> None:
        """A worker is done with its task, or has ended."""
        try:
            one.child.connection.recv()
        except (EOFError, ConnectionError):
            self._lost(one)
        else:
            assert one.task is not None
            self._tell(one.task)
            one.task = None
            if one.tasks >= _TASKS_OF_A_WORKER:
                self._dismiss(one)

    def _hand_out(self) -> None:
        while self._waiting:
            free = next((each for each in self._workers if each.task is None), None) or self._new()
            if free is None:
                return
            task = self._waiting.popleft()
            free.task, free.tasks = task, free.tasks + 1
            try:
                free.child.connection.send(task)
            except OSError:
                self._lost(free)

    def _new(self) -> _Worker | None:
        """Another worker; None if there are enough, or if the system has no room for one more."""
        if len(self._workers) >= self._setting.workers:
            return None
        try:
            child = start(self._copy if self._forks else worker, fork=self._forks)
            if not self._forks:
                child.connection.send(self._setting)
        except OSError as error:
            logging.getLogger("c7n_org").error("a worker cannot be started: %s", error)
            if not self._workers:
                # Nobody will do it: each account and region says why.
                while self._waiting:
                    self._failed(self._waiting.popleft(), f"no worker could be started: {error}")
            return None
        one = _Worker(child)
        self._workers.append(one)
        return one

    def _copy(self, connection: Connection) -> None:
        """The whole work of a forked worker. It must not hold the connections of the others open."""
        for each in (self._run, *(each.child.connection for each in self._workers)):
            each.close()
        watch()
        work(connection)

    def _lost(self, one: _Worker) -> None:
        """A worker has ended without being told to."""
        self._workers.remove(one)
        one.child.connection.close()
        if one.task:
            self._failed(one.task, f"the worker process {one.child.how()}")

    def _dismiss(self, one: _Worker) -> None:
        self._workers.remove(one)
        one.child.connection.close()
        one.child.ended(wait=True)

    def _failed(self, task: Task, reason: str) -> None:
        """Note in the task's log, as c7n-org does, that it was not done."""
        with open(task.log, "a", encoding="utf-8") as log:
            log.write(f"{failed_line(task.run, reason)}\n")
        self._tell(task)

    def _tell(self, task: Task) -> None:
        with suppress(OSError):  # the run has ended; its connection says so next
            self._run.send(task.number)

    def _end(self) -> None:
        """End with the run: idle workers go by themselves, and nobody waits for the result of the others."""
        for each in self._workers:
            if each.task:
                with suppress(ProcessLookupError):
                    os.kill(each.child.pid, signal.SIGKILL)
            each.child.connection.close()
        for each in self._workers:
            each.child.ended(wait=True)
