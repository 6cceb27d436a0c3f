"""What was added to moto's ECS. Source: ECS's UpdateClusterSettings and DescribeCapacityProviders."""
from __future__ import annotations

from tests.moto_server import Moto


def test_the_settings_of_a_cluster_change(moto: Moto) -> None:
    ecs = moto.client("ecs")
    ecs.create_cluster(clusterName="c")
    ecs.update_cluster_settings(cluster="c", settings=[{"name": "containerInsights", "value": "enabled"}])
    [cluster] = ecs.describe_clusters(clusters=["c"], include=["SETTINGS"])["clusters"]
    assert cluster["settings"] == [{"name": "containerInsights", "value": "enabled"}]


def test_capacity_providers_without_names_are_all_of_them(moto: Moto) -> None:
    ecs = moto.client("ecs")
    group = {"autoScalingGroupArn": "asg", "managedTerminationProtection": "ENABLED"}
    for number in range(9):
        ecs.create_capacity_provider(
            name=f"p{number}", autoScalingGroupProvider=group, tags=[{"key": "team", "value": "web"}])
    first = ecs.describe_capacity_providers(include=["TAGS"])
    assert [each["name"] for each in first["capacityProviders"]] == [
        "FARGATE", "FARGATE_SPOT", *(f"p{number}" for number in range(8))]
    assert "autoScalingGroupProvider" not in first["capacityProviders"][0]
    assert first["capacityProviders"][2]["tags"] == [{"key": "team", "value": "web"}]
    rest = ecs.describe_capacity_providers(nextToken=first["nextToken"])
    [last] = rest["capacityProviders"]
    assert (last["name"], last["autoScalingGroupProvider"]["managedTerminationProtection"]) == ("p8", "ENABLED")
    assert not last.get("tags")
    assert "nextToken" not in rest
    pages = [len(ecs.describe_capacity_providers(maxResults=6, **token)["capacityProviders"])
             for token in ({}, {"nextToken": "6"})]
    assert pages == [6, 5]


def test_capacity_providers_by_name(moto: Moto) -> None:
    ecs = moto.client("ecs")
    ecs.create_capacity_provider(name="ours", autoScalingGroupProvider={"autoScalingGroupArn": "asg"})
    found = ecs.describe_capacity_providers(capacityProviders=["ours", "FARGATE", "other"])
    assert [each["name"] for each in found["capacityProviders"]] == ["ours", "FARGATE"]
    assert [each["reason"] for each in found["failures"]] == ["MISSING"]
