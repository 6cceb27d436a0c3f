"""Sessions share what botocore has read, and nothing grows with their number."""
from __future__ import annotations

import os
from pathlib import Path

import boto3
import botocore.session
import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from custom_actions.patches import prepare_sessions


def loader_of(session: boto3.Session) -> botocore.loaders.Loader:
    return session._session.get_component("data_loader")


def test_sessions_share_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_sessions()
    first, second = (boto3.Session(region_name="eu-west-1") for _ in range(2))
    loader = loader_of(first)
    assert loader_of(second) is loader
    paths = list(loader.search_paths)
    for _ in range(3):
        boto3.Session()
    assert loader.search_paths == paths and len(set(paths)) == len(paths)
    assert first.client("sts").meta.service_model.service_name == "sts"
    made = botocore.session.create_loader
    prepare_sessions()
    assert botocore.session.create_loader is made
    # Descriptions of somebody's own are read from where they are.
    monkeypatch.setenv("AWS_DATA_PATH", "/nowhere")
    assert "/nowhere" in loader_of(boto3.Session()).search_paths
    assert "/nowhere" not in loader.search_paths


def test_a_model_is_loaded_without_a_look_at_all_services(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_sessions()
    loader = botocore.session.create_loader.__wrapped__()
    plain = Loader()
    listed: list[str] = []
    original = os.listdir

    def listdir(path: str) -> list[str]:
        listed.append(path)
        return original(path)

    monkeypatch.setattr("os.listdir", listdir)
    for name in ("service-2", "paginators-1", "endpoint-rule-set-1"):
        loaded = loader.load_service_model("sqs", name)
        assert loaded is loader.load_service_model("sqs", name)
    assert listed and {Path(path).parent.name for path in listed} == {"data"} and {
        Path(path).name for path in listed} <= {"sqs", "2012-11-05"}
    monkeypatch.undo()
    assert loader.load_service_model("sqs", "service-2") == plain.load_service_model("sqs", "service-2")
    for wrong in ("no-such-service", "", ".", "sqs/..", "../data"):
        for each in (loader, plain):
            with pytest.raises(UnknownServiceError, match="accessanalyzer, account, "):
                each.load_service_model(wrong, "service-2")
    # A service without a model of this type.
    with pytest.raises(UnknownServiceError):
        loader.load_service_model("sqs", "waiters-2")
    assert loader.list_available_services("service-2") == plain.list_available_services("service-2")
