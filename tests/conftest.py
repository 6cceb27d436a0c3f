"""What every test shares."""
from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from c7n import utils
from c7n.element import Element
from c7n.manager import ResourceManager
from c7n.policy import PullMode
from hypothesis import settings

from custom_actions.patches import ask_once, install, prepare_sessions, side_by_side
from custom_actions.resources import filtering
from guardrails.collector import collect_rarely

from . import parsed_once, quick_botocore
from .moto_server import Moto
from .reliability import Reliability

# A deadline would be a timing asserted in a test; a busy machine is no fault of the code.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")

# A team's own exceptions change no test.
os.environ["GUARDRAILS_EXCEPTIONS"] = ""
# No verdict comes from another test, or from a run of the user's.
os.environ["GUARDRAILS_CACHE"] = "none"
# Programs that the tests start would compile every module of ours again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Hints name the same command, whether run.sh has started the tests or not.
os.environ.pop("GUARDRAILS_COMMAND", None)

parsed_once.install()
quick_botocore.install()
prepare_sessions()
# Before any test replaces what is patched, and puts back what was there.
install()

# Accounts are made and thrown away by the thousand objects, of which hardly any needs the collector.
collect_rarely()


# The longest first: one that began last would be waited for by the other workers.
_LONGEST = (
    "policies/test_config_rule.py", "policies/test_cases.py", "policies/test_realtime.py", "policies/test_grouped.py",
    "custom_actions/fixing/test_faults.py", "policies/test_seeded_account.py", "policies/test_unknown_resources.py",
    "guardrails/cli/test_demo.py",
    "guardrails/cli/test_many_accounts.py", "guardrails/cli/test_sweeps.py", "guardrails/report/html/test_browser.py",
    "guardrails/deployment/test_lifecycle.py", "guardrails/cli/test_team_cases.py", "test_package.py",
    "test_benchmarks.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {str(Path(__file__).parent / name): place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(str(item.path), len(places)))


def pytest_collection_finish() -> None:
    # What is there by now stays: a full collection would look at a million objects each time.
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-reliability", action="store_true", help="write docs/reliability.md from what the tests record")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # xdist's workers report to this process
        config.pluginmanager.register(Reliability(config), "reliability")


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Moto]:
    moto = Moto()
    yield moto
    moto.server.stop()


@pytest.fixture
def moto(moto_server: Moto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moto]:
    """An empty account, which boto3 and c7n in this process talk to."""
    for name, value in moto_server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    moto_server.reset()
    moto_server.connect(monkeypatch)
    yield moto_server
    utils.reset_session_cache()


@pytest.fixture
def sent(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The calls that leave this process, with answers shared in dry runs while the test lasts."""
    counted: Counter[str] = Counter()
    call = BaseClient._make_api_call

    def count(self: Any, operation_name: str, api_params: Any) -> Any:
        counted[operation_name] += 1
        return call(self, operation_name, api_params)

    monkeypatch.setenv(ask_once.SWITCH, "1")
    monkeypatch.setattr(ask_once, "_last", None)
    monkeypatch.setattr(PullMode, "run", PullMode.run)
    monkeypatch.setattr(BaseClient, "_make_api_call", count)
    monkeypatch.setattr(boto3.Session, "client", boto3.Session.client)
    for owner in (Element, ResourceManager):
        monkeypatch.setattr(owner, "executor_factory", owner.executor_factory)
    monkeypatch.setattr(filtering, "BEFORE_FILTERS", [])
    monkeypatch.setattr(side_by_side, "BEFORE_FILTERS", filtering.BEFORE_FILTERS)
    ask_once.install()
    side_by_side.install()
    return counted
