"""Sessions share what botocore has read, and nothing grows with their number."""
from __future__ import annotations

import boto3
import botocore.session
import pytest

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
