"""The limit on calls a second: for each service, region and credentials, and only if somebody asked for it."""
from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore import handlers
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.patches import call_rate
from custom_actions.patches.call_rate import Limiter, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.sampled_from([0.5, 1.0, 5.0, 20.0]))
def test_no_second_has_more_calls_than_the_burst_and_the_rate(pauses: list[float], rate: float) -> None:
    clock = Clock()
    pace = Pace(rate, clock, clock.sleep)
    made = []
    for pause in pauses:
        clock.now += pause
        pace.wait()
        made.append(clock.now)
    for at in made:
        assert sum(at <= other < at + 1 for other in made) <= 2 * rate + 1


def test_a_slow_caller_never_waits() -> None:
    clock = Clock()
    pace = Pace(2, clock, clock.sleep)
    for _ in range(20):
        clock.now += 0.5
        pace.wait()
    assert clock.slept == []


def test_threads_get_turns_one_after_the_other() -> None:
    clock = Clock()
    slept: list[float] = []
    pace = Pace(10, clock, slept.append)
    threads = [threading.Thread(target=pace.wait) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(round(each, 6) for each in slept) == [round(n / 10, 6) for n in range(1, 31)]


def request(key: str, region: str, service: str) -> Any:
    return SimpleNamespace(headers={"Authorization": (
        f"AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/{service}/aws4_request, SignedHeaders=host").encode()})


def test_each_service_region_and_account_has_a_limit_of_its_own() -> None:
    turns: list[int] = []

    class Counted(Pace):
        def wait(self) -> None:
            turns.append(id(self))

    limiter = Limiter(5, Counted)
    for place in (("A", "us-east-1", "ec2"), ("A", "us-east-1", "ec2"), ("A", "us-east-1", "iam"),
                  ("A", "eu-west-1", "ec2"), ("B", "us-east-1", "ec2")):
        limiter.before_send(request(*place))
    limiter.before_send(SimpleNamespace(headers={}))
    assert len(turns) == 5 and len(set(turns)) == 4
    for number in range(3000):
        limiter.before_send(request(str(number), "us-east-1", "ec2"))
    assert len(limiter._paces) <= 1000


def test_a_session_keeps_it_if_the_variable_says_so(monkeypatch: pytest.MonkeyPatch, moto: Any) -> None:
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", list(handlers.BUILTIN_HANDLERS))
    monkeypatch.setattr(call_rate, "_installed", False)
    before = len(handlers.BUILTIN_HANDLERS)
    for value in ("", "0"):
        monkeypatch.setenv(call_rate.VARIABLE, value)
        call_rate.install()
    assert len(handlers.BUILTIN_HANDLERS) == before
    turns: list[str] = []
    monkeypatch.setattr(Pace, "wait", lambda self: turns.append("turn"))
    monkeypatch.setenv(call_rate.VARIABLE, "7.5")
    call_rate.install()
    call_rate.install()
    assert len(handlers.BUILTIN_HANDLERS) == before + 1
    boto3.Session(region_name="us-east-1").client("ec2").describe_regions()
    assert turns == ["turn"]
