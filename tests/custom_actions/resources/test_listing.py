"""c7n lists every Multi-Region Access Point and every certificate, in whichever region it runs."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from custom_actions.resources import list_all
from tests import engine
from tests.moto_server import ACCOUNT, Moto

ACCESS_POINTS = {"name": "p", "resource": "aws.s3-access-point-multi", "filters": []}
CERTIFICATES = {"name": "p", "resource": "aws.acm-certificate", "filters": []}


def test_access_points_are_asked_for_where_aws_lists_them(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager: Any = engine.load(ACCESS_POINTS, tmp_path, dryrun=True).resource_manager
    assert manager.config.region == "us-east-1"
    assert manager.get_client().meta.region_name == "us-west-2"
    # Other partitions have no such region.
    monkeypatch.setitem(manager.config, "region", "cn-north-1")
    assert manager.get_client().meta.region_name == "cn-north-1"


def test_access_points_are_found(moto: Moto, tmp_path: Path) -> None:
    moto.client("s3").create_bucket(Bucket="data")
    moto.client("s3control").create_multi_region_access_point(
        AccountId=ACCOUNT, ClientToken="1", Details={"Name": "all", "Regions": [{"Bucket": "data"}]})
    [found] = engine.pull(ACCESS_POINTS, tmp_path, dryrun=True)
    assert found["Name"] == "all"


def test_certificates_of_every_key_type_are_asked_for_also_if_c7n_names_them(moto: Moto, tmp_path: Path) -> None:
    manager: Any = engine.load(CERTIFICATES, tmp_path, dryrun=True).resource_manager
    list_all(type(manager))
    _, _, parameters = manager.resource_type.enum_spec
    asked = parameters["Includes"]["keyTypes"]
    model = moto.client("acm").meta.service_model.shape_for("KeyAlgorithm")
    assert sorted(asked) == sorted(model.enum)
