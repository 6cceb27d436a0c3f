"""Clusters and replication groups that are modified, which moto forgets."""
from __future__ import annotations

from tests.moto_server import Moto


def test_upgrades_of_a_cluster_can_be_turned_on_and_off(moto: Moto) -> None:
    client = moto.client("elasticache")
    client.create_cache_cluster(CacheClusterId="c", CacheNodeType="cache.t3.micro", NumCacheNodes=1, Engine="redis")
    for value in (True, False):
        client.modify_cache_cluster(CacheClusterId="c", AutoMinorVersionUpgrade=value)
        [found] = client.describe_cache_clusters(CacheClusterId="c")["CacheClusters"]
        assert found["AutoMinorVersionUpgrade"] is value


def test_a_group_keeps_what_is_not_modified(moto: Moto) -> None:
    client = moto.client("elasticache")
    client.create_replication_group(
        ReplicationGroupId="g", ReplicationGroupDescription="x", ReplicasPerNodeGroup=1, AutoMinorVersionUpgrade=False)
    client.modify_replication_group(ReplicationGroupId="g", AutoMinorVersionUpgrade=True)
    client.modify_replication_group(
        ReplicationGroupId="g", SnapshotRetentionLimit=2, SnapshottingClusterId="g-002")
    [found] = client.describe_replication_groups(ReplicationGroupId="g")["ReplicationGroups"]
    assert (found["AutoMinorVersionUpgrade"], found["SnapshotRetentionLimit"], found["SnapshottingClusterId"]) == (
        True, 2, "g-002")
