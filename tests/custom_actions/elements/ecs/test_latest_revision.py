"""`latest-revision`: of each family the highest number, whatever the order."""
from __future__ import annotations

from pathlib import Path

from tests import engine
from tests.moto_server import Moto


def test_the_highest_revision_of_each_family(moto: Moto, tmp_path: Path) -> None:
    ecs = moto.client("ecs")
    for family in ["web"] * 11 + ["batch"]:
        ecs.register_task_definition(family=family, containerDefinitions=[{"name": "c", "image": "i", "memory": 64}])
    policy = {"name": "p", "resource": "aws.ecs-task-definition", "filters": ["latest-revision"]}
    found = engine.pull(policy, tmp_path)
    assert {(each["family"], each["revision"]) for each in found} == {("web", 11), ("batch", 1)}
