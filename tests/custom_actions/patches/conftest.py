"""What leaves the process while answers are shared."""
from __future__ import annotations

from collections import Counter
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from c7n.policy import PullMode

from custom_actions.patches import ask_once
from tests.moto_server import Moto


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
    ask_once.install()
    return counted
