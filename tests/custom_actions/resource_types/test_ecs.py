"""Capacity providers: every page of them, with their tags, also when some are asked for by their ARN."""
from __future__ import annotations

from pathlib import Path

from tests import engine
from tests.moto_server import Moto

POLICY = {"name": "p", "resource": "aws.ecs-capacity-provider"}


def test_every_page_with_tags(moto: Moto, tmp_path: Path) -> None:
    ecs = moto.client("ecs")
    for number in range(19):
        ecs.create_capacity_provider(
            name=f"p{number}", autoScalingGroupProvider={"autoScalingGroupArn": "asg"},
            tags=[{"key": "number", "value": str(number)}])
    found = engine.pull(POLICY, tmp_path)
    assert [each["name"] for each in found] == ["FARGATE", "FARGATE_SPOT", *(f"p{number}" for number in range(19))]
    assert found[-1]["Tags"] == [{"Key": "number", "Value": "18"}]
    last = found[-1]["capacityProviderArn"]
    again = engine.load(POLICY, tmp_path).resource_manager.get_resources([last], cache=False)
    assert [each["name"] for each in again] == ["p18"]
