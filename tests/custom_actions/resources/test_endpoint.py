"""A policy on queues asks the endpoint of the environment, and AWS without one."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import engine
from tests.moto_server import Moto

POLICY = {"name": "p", "resource": "aws.sqs", "filters": []}


def test_queues_are_those_of_the_endpoint(moto: Moto, tmp_path: Path) -> None:
    moto.client("sqs").create_queue(QueueName="here")
    [queue] = engine.pull(POLICY, tmp_path, dryrun=True)
    assert queue["QueueArn"].endswith(":here")


def test_without_an_endpoint_c7n_asks_aws(moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager: Any = engine.load(POLICY, tmp_path, dryrun=True).resource_manager
    assert manager.get_client().meta.endpoint_url.startswith("http://127.0.0.1:")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"):
        monkeypatch.delenv(name, raising=False)
    assert manager.get_client().meta.endpoint_url == "https://sqs.us-east-1.amazonaws.com"
