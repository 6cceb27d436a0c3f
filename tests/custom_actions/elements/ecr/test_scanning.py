"""`not-scanned`: more repositories than one call takes, and one that was deleted meanwhile."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from custom_actions.elements.ecr.scanning import NotScanned
from tests import engine
from tests.moto_server import Moto

POLICY = {"name": "p", "resource": "aws.ecr", "filters": ["not-scanned"]}


def test_more_repositories_than_one_call_takes(moto: Moto, tmp_path: Path) -> None:
    ecr = moto.client("ecr")
    for number in range(26):
        ecr.create_repository(repositoryName=f"team/{number}")
    ecr.create_repository(repositoryName="scanned")
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[
        {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "scanned", "filterType": "WILDCARD"}]}])
    found = engine.pull(POLICY, tmp_path)
    assert {each["repositoryName"] for each in found} == {f"team/{number}" for number in range(26)}
    assert {each[NotScanned.annotation_key] for each in found} == {"MANUAL"}


def test_one_that_was_deleted_meanwhile(moto: Moto, tmp_path: Path) -> None:
    filter_: Any = engine.load(POLICY, tmp_path).resource_manager.filters[0]
    assert filter_.process([{"repositoryName": "gone"}]) == []
