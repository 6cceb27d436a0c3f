"""Work in the background: in order within an account, once for equal jobs that wait, and settled exactly."""
from __future__ import annotations

import threading

import pytest

from guardrails.sandbox.config.worker import Worker


def test_equal_jobs_that_wait_are_done_once_and_one_that_runs_is_done_again() -> None:
    worker, done, runs, go = Worker(), [], threading.Event(), threading.Event()

    def slow() -> None:
        runs.set()
        go.wait(10)
        done.append("slow")

    worker.submit("a", "slow", slow)
    assert runs.wait(10)
    for name in ("slow", "x", "x", "y"):
        worker.submit("a", name, lambda name=name: done.append(name))
    worker.submit("b", "elsewhere", lambda: done.append("elsewhere"))
    assert worker.settle(0.1) == ["a: slow, x, y"]
    assert done == ["elsewhere"]
    go.set()
    assert worker.settle(10) == []
    assert done == ["elsewhere", "slow", "slow", "x", "y"]


def test_what_a_job_submits_is_waited_for_and_a_failure_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    worker, done = Worker(), []

    def first() -> None:
        worker.submit("a", "second", lambda: done.append("second"))
        raise ValueError("on purpose")

    worker.submit("a", "first", first)
    assert worker.settle(10) == []
    assert done == ["second"]
    assert "on purpose" in caplog.text


def test_a_worker_that_refuses_drops_what_waits() -> None:
    worker, done, runs, go = Worker(), [], threading.Event(), threading.Event()
    worker.submit("a", "running", lambda: (runs.set(), go.wait(10), done.append("running")))
    assert runs.wait(10)
    worker.submit("a", "waiting", lambda: done.append("waiting"))
    worker.refuse()
    worker.submit("a", "late", lambda: done.append("late"))
    go.set()
    assert worker.settle(10) == []
    worker.accept()
    worker.submit("a", "new", lambda: done.append("new"))
    worker.settle(10)
    assert done == ["running", "new"]
