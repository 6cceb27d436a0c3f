"""What was added to moto's ECS, as AWS has it."""
from __future__ import annotations

from tests.moto_server import Moto


def test_the_settings_of_a_cluster_change(moto: Moto) -> None:
    ecs = moto.client("ecs")
    ecs.create_cluster(clusterName="c")
    ecs.update_cluster_settings(cluster="c", settings=[{"name": "containerInsights", "value": "enabled"}])
    [cluster] = ecs.describe_clusters(clusters=["c"], include=["SETTINGS"])["clusters"]
    assert cluster["settings"] == [{"name": "containerInsights", "value": "enabled"}]
