"""How many calls of a sweep run at a time, and what slows them down."""
from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from c7n.element import Element
from c7n.manager import ResourceManager

from custom_actions.patches import ask_once, side_by_side
from tests.engine import load
from tests.moto_server import Moto

USERS = {"name": "keys", "resource": "aws.iam-user", "filters": [{"type": "access-key", "key": "Status", "value": "x"}]}


@pytest.mark.parametrize(("dryrun", "at_a_time"), [(True, ask_once.THREADS), (False, 2)])
def test_only_a_sweep_that_shares_responses_reads_more_at_a_time(
    moto: Moto, sent: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dryrun: bool, at_a_time: int
) -> None:
    for number in range(20):
        moto.client("iam").create_user(UserName=f"user-{number}")
    running, most, lock = 0, 0, threading.Lock()
    full = threading.Event()
    make = BaseClient._make_request

    def counted(self: Any, operation: Any, request: Any, context: Any) -> Any:
        nonlocal running, most
        if operation.name != "ListAccessKeys":
            return make(self, operation, request, context)
        with lock:
            running += 1
            most = max(most, running)
            if most == at_a_time:
                full.set()
        # Wait until there are as many as there should be, or long enough to see that there are more.
        full.wait(5)
        try:
            return make(self, operation, request, context)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(BaseClient, "_make_request", counted)
    load(USERS, tmp_path, dryrun=dryrun).run()
    assert sent["ListAccessKeys"] == 20
    assert most == at_a_time


def test_a_shared_client_slows_down_when_aws_throttles(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    def configured(config: Config | None = None) -> Any:
        session = boto3.Session(region_name="us-east-1")
        return session.client("iam", config=ask_once.for_many_threads(session, config)).meta.config

    # As a user's environment sets them; the tests' own makes one attempt.
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    assert configured().retries == {"mode": "adaptive", "total_max_attempts": 5}
    assert configured().max_pool_connections == ask_once.THREADS
    assert configured(Config(read_timeout=200)).read_timeout == 200
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    assert configured().retries == {"mode": "adaptive", "total_max_attempts": 7}
    monkeypatch.setenv("AWS_RETRY_MODE", "standard")
    assert configured().retries == {"mode": "standard", "total_max_attempts": 7}


def test_nothing_changes_where_nobody_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ask_once.SWITCH, raising=False)
    side_by_side.install()
    for owner in (Element, ResourceManager):
        assert owner.executor_factory is ThreadPoolExecutor
