"""Every realtime policy with filters: they decide as its cases say, and each of them is needed.

Policies without filters are not here: the action decides alone, and test_realtime sees what it did.
"""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from c7n import utils

from guardrails.cases.decisions import check_decisions
from guardrails.sandbox import Sandbox
from tests.moto_server import ACCOUNT, REGION

from .harness import cases, failures, loaded, policies

NAMES = [name for name, (mode, policy) in policies().items() if mode == "realtime" and policy.get("filters")]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(directory=tmp_path_factory.mktemp("decisions")) as running:
        yield running


@pytest.fixture(autouse=True)
def at_the_sandbox(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """c7n in this process talks to an empty account of the sandbox."""
    for name, value in sandbox.environment(account=ACCOUNT, region=REGION).items():
        monkeypatch.setenv(name, value)
    utils.reset_session_cache()
    yield
    utils.reset_session_cache()


@pytest.mark.parametrize("name", NAMES)
def test_policy(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    own = [case for case in cases("realtime") if case.policy["name"] == name]
    assert own
    assert not failures(check_decisions(loaded()[name], own, sandbox, tmp_path))
