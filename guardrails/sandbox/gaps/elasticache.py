"""ElastiCache: clusters and replication groups can be modified in what fixes change; moto forgets it.

Source: ElastiCache's ModifyCacheCluster and ModifyReplicationGroup.
"""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.elasticache.responses import ElastiCacheResponse

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the changes, once in a process."""
    original = ElastiCacheResponse.modify_replication_group

    @replaces(ElastiCacheResponse, "modify_replication_group")
    def modify_group(call: Any) -> ActionResult:
        answer = original(call)
        group = call.elasticache_backend.replication_groups[call._get_param("ReplicationGroupId")]
        upgrade = call._get_bool_param("AutoMinorVersionUpgrade")
        if upgrade is not None:
            group.auto_minor_version_upgrade = upgrade
        group.snapshotting_cluster_id = call._get_param("SnapshottingClusterId") or group.snapshotting_cluster_id
        return answer

    @replaces(ElastiCacheResponse, "modify_cache_cluster")
    def modify_cluster(call: Any) -> ActionResult:
        [cluster] = call.elasticache_backend.describe_cache_clusters(call._get_param("CacheClusterId"))
        upgrade = call._get_bool_param("AutoMinorVersionUpgrade")
        if upgrade is not None:
            cluster.auto_minor_version_upgrade = upgrade
        return ActionResult({"CacheCluster": cluster})
