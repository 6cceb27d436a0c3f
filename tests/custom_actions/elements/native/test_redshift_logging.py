"""Audit logging of a Redshift cluster: the call that undoes a change has the settings before it."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import engine
from tests.moto_server import Moto

ON = {"state": "enabled", "bucket": "ours", "prefix": "p/"}
THEIRS = {"BucketName": "theirs", "S3KeyPrefix": "t/"}


@pytest.mark.parametrize(("before", "settings", "inverse"), [
    ({}, ON, ("disable_logging", {})),
    (THEIRS, ON, ("enable_logging", THEIRS)),
    (THEIRS, {"state": "disabled"}, ("enable_logging", THEIRS)),
])
def test_the_settings_before_come_back(
    moto: Moto, tmp_path: Path, before: dict[str, str], settings: dict[str, str], inverse: tuple[str, dict[str, str]]
) -> None:
    receipt = changed(moto, tmp_path, before, settings)
    operation, given = inverse
    assert receipt["outcome"] == "reverted"
    assert receipt["inverse"] == [
        {"service": "redshift", "operation": operation, "parameters": {"ClusterIdentifier": "c", **given}}]


def test_what_is_so_already_is_no_change(moto: Moto, tmp_path: Path) -> None:
    receipt = changed(moto, tmp_path, {"BucketName": "ours", "S3KeyPrefix": "p/"}, ON)
    assert (receipt["outcome"], receipt["inverse"]) == ("already-ok", [])


def changed(moto: Moto, output: Path, before: dict[str, str], settings: dict[str, str]) -> dict[str, Any]:
    client = moto.client("redshift")
    client.create_cluster(
        ClusterIdentifier="c", NodeType="ra3.large", MasterUsername="u", MasterUserPassword="Password1")
    for bucket in ("ours", "theirs"):
        moto.client("s3").create_bucket(Bucket=bucket)
    if before:
        client.enable_logging(ClusterIdentifier="c", **before)
    policy = engine.load(
        {"name": "p", "resource": "aws.redshift", "actions": [{"type": "set-logging", **settings}]}, output)
    [action] = policy.resource_manager.actions
    with policy.ctx:
        [receipt] = action.process([{"ClusterIdentifier": "c"}])
    return dict(receipt)
