"""An ECS service that may not be described is unknown: c7n only logs it, and goes on without the whole cluster."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from custom_actions.resources import UNKNOWN, ResourcesUnknown
from tests import engine
from tests.moto_server import Moto
from tests.wire import DELETED, DENIED, Wire

POLICY = {"name": "p", "resource": "aws.ecs-service"}


@pytest.fixture
def wire(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Wire:
    moto.share_clients(monkeypatch)
    monkeypatch.setattr("time.sleep", lambda _: None)
    made = Wire()
    made.install(monkeypatch)
    return made


def services(moto: Moto) -> dict[str, str]:
    """The ARNs of two services in one cluster, and of one in another, by name."""
    ecs = moto.client("ecs")
    ecs.register_task_definition(family="t", containerDefinitions=[{"name": "c", "image": "i", "memory": 64}])
    made = {}
    for cluster, name in (("one", "a"), ("one", "b"), ("two", "c")):
        ecs.create_cluster(clusterName=cluster)
        made[name] = ecs.create_service(
            cluster=cluster, serviceName=name, taskDefinition="t", desiredCount=0)["service"]["serviceArn"]
    return made


def test_one_is_denied(moto: Moto, wire: Wire, tmp_path: Path) -> None:
    arns = services(moto)
    wire.fail("DescribeServices", arns["a"], fault=DENIED)
    policy = engine.load(POLICY, tmp_path, dryrun=True)
    with pytest.raises(ResourcesUnknown):
        policy()
    directory = tmp_path / "p"
    [unknown] = json.loads((directory / UNKNOWN).read_text(encoding="utf-8"))
    assert unknown["resource"] == arns["a"] and "DescribeServices" in unknown["reason"]
    found = json.loads((directory / "resources.json").read_text(encoding="utf-8"))
    assert {each["serviceArn"] for each in found} == {arns["b"], arns["c"]}


def test_one_was_deleted_meanwhile(moto: Moto, wire: Wire, tmp_path: Path) -> None:
    arns = services(moto)
    wire.fail("DescribeServices", arns["a"], fault=DELETED)
    found = engine.pull(POLICY, tmp_path)
    assert {each["serviceArn"] for each in found} == {arns["b"], arns["c"]}
