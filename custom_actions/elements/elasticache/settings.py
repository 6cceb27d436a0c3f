"""The action `change-settings` on `aws.elasticache-group` and `aws.cache-cluster`.

Source: ElastiCache's ModifyReplicationGroup, DescribeReplicationGroups, ModifyCacheCluster and DescribeCacheClusters.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import Refusal
from ...fixing import ChangeSettings, SettingsCall, same_names, shown_by


def fails_over(group: Mapping[str, Any]) -> bool:
    """Whether a replication group fails over automatically, or will when a pending change is made."""
    pending = (group.get("PendingModifiedValues") or {}).get("AutomaticFailoverStatus")
    return (pending or group.get("AutomaticFailover")) in ("enabled", "enabling")


def backup_source(group: Mapping[str, Any]) -> str:
    """The node of which backups are to be made; empty if ElastiCache chooses it, or has one already.

    A group without cluster mode needs one. A backup can slow a node down, so it is not the primary if there is another.
    Raises Refusal if the group has no node.
    """
    if group.get("ClusterEnabled") or group.get("SnapshottingClusterId"):
        return ""
    nodes = sorted(group.get("MemberClusters") or ())
    primaries = {
        node["CacheClusterId"] for shard in group.get("NodeGroups") or ()
        for node in shard.get("NodeGroupMembers") or ()
        if node.get("CurrentRole") == "primary"}
    replicas = [each for each in nodes if each not in primaries]
    if not nodes:
        raise Refusal("the replication group has no node of which a backup could be made")
    return str((replicas or nodes)[0])


class ChangeReplicationGroup(ChangeSettings):
    """Change settings of a replication group, and verify the result.

    The changes are never applied immediately, because ElastiCache would then also apply all other changes that wait for
    the maintenance window. A higher SnapshotRetentionLimit is left as it is. To turn on backups of a group without
    cluster mode, the action also names a node of which they are made: a replica if there is one. Nothing undoes this,
    but without a retention limit it has no effect.

    Written because c7n has no action for the settings of a replication group.

    :example:

    .. code-block:: yaml

        policies:
          - name: elasticache-automatic-failover-enable
            resource: aws.elasticache-group
            filters:
              - AutomaticFailover: disabled
            actions:
              - type: change-settings
                settings: {AutomaticFailoverEnabled: true}
    """

    settings_call = SettingsCall(
        "elasticache", "modify_replication_group", ("ReplicationGroupId",),
        {**same_names("AutoMinorVersionUpgrade", default="false"), "AutomaticFailoverEnabled": fails_over,
         **same_names("SnapshotRetentionLimit", default="0")},
        shown_by("describe_replication_groups", "ReplicationGroups[0]", ReplicationGroupId="ReplicationGroupId"),
        reads=("elasticache:DescribeReplicationGroups",), writes=("elasticache:ModifyReplicationGroup",),
        ignored=("SnapshottingClusterId",), at_least=("SnapshotRetentionLimit",))

    def further(self, client: Any, identity: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
        """The node of which backups are made, if the change needs one."""
        if "SnapshotRetentionLimit" not in settings:
            return {}
        source = backup_source(self.settings_call.describe(client, identity))
        return {"SnapshottingClusterId": source} if source else {}


class ChangeCacheCluster(ChangeSettings):
    """Change settings of a cluster that belongs to no replication group, and verify the result.

    Written because c7n has no action for the settings of a cluster.

    :example:

    .. code-block:: yaml

        policies:
          - name: elasticache-auto-minor-upgrade-enable
            resource: aws.cache-cluster
            filters:
              - AutoMinorVersionUpgrade: false
            actions:
              - type: change-settings
                settings: {AutoMinorVersionUpgrade: true}
    """

    settings_call = SettingsCall(
        "elasticache", "modify_cache_cluster", ("CacheClusterId",),
        same_names("AutoMinorVersionUpgrade", default="false"),
        shown_by("describe_cache_clusters", "CacheClusters[0]", CacheClusterId="CacheClusterId"),
        reads=("elasticache:DescribeCacheClusters",), writes=("elasticache:ModifyCacheCluster",))
