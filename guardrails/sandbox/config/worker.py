"""Work that follows a call, in the background, one job after another for each account."""
from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable

_log = logging.getLogger(__name__)

Job = Callable[[], None]


class Worker:
    """Does the jobs of each account one by one, in the order they came, in a thread that lives while there are any.

    If a waiting job has the same key as a new one, it counts for both: several calls cause one check.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, dict[Hashable, Job]] = {}
        self._accepts = True

    def submit(self, account: str, key: Hashable, job: Job) -> None:
        """Queue `job`; returns at once."""
        with self._changed:
            if not self._accepts:
                return
            if account not in self._waiting:
                self._waiting[account] = {}
                threading.Thread(target=self._work, args=(account,), name=f"config-{account}", daemon=True).start()
            self._waiting[account].setdefault(key, job)

    def settle(self, seconds: float) -> list[str]:
        """Return when nothing is left to do, or after `seconds`; then what is left, one line for each account."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._waiting and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return [f"{account}: {', '.join(map(str, jobs)) or 'one job'}" for account, jobs in self._waiting.items()]

    def refuse(self) -> None:
        """Discard waiting jobs and accept no new ones until `accept`. Running jobs continue."""
        with self._changed:
            self._accepts = False
            for jobs in self._waiting.values():
                jobs.clear()

    def accept(self) -> None:
        """Accept jobs again."""
        with self._changed:
            self._accepts = True

    def _work(self, account: str) -> None:
        while True:
            with self._changed:
                jobs = self._waiting[account]
                if not jobs:
                    del self._waiting[account]
                    self._changed.notify_all()
                    return
                job = jobs.pop(next(iter(jobs)))
            try:
                job()
            except Exception:  # noqa: BLE001 - one job's bug must not end all later ones
                _log.exception("a job of %s failed", account)
