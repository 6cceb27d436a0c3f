"""`access-point`: an access point that is being deleted does not count."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from custom_actions.elements.efs.access import AccessPoint
from tests import engine
from tests.moto_server import Moto
from tests.wire import Wire

POLICY = {"name": "p", "resource": "aws.efs", "filters": [
    {"type": "access-point", "key": "PosixUser", "value": "absent"}]}


@pytest.mark.parametrize(("state", "matches"), [("available", True), ("deleting", False), ("deleted", False)])
def test_its_state(
    state: str, matches: bool, moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:
    moto.share_clients(monkeypatch)
    efs = moto.client("efs")
    made = efs.create_file_system(CreationToken="t")["FileSystemId"]
    point = efs.create_access_point(ClientToken="t", FileSystemId=made)["AccessPointId"]

    def answer(page: dict[str, Any]) -> dict[str, Any]:
        return {**page, "AccessPoints": [{**each, "LifeCycleState": state} for each in page["AccessPoints"]]}

    wire = Wire()
    wire.install(monkeypatch)
    wire.change("DescribeAccessPoints", answer)
    found = engine.pull(POLICY, tmp_path)
    assert [each[AccessPoint.annotation_key] for each in found] == ([[point]] if matches else [])
