"""The action `change-settings` on `aws.ecs`."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...aws import call
from ...errors import Refusal
from ...fixing import ChangeSettings, SettingsCall

_INSIGHTS = "containerInsights"


def _cluster(client: Any, identity: Mapping[str, Any]) -> Mapping[str, Any]:
    found = call(client.describe_clusters, clusters=[identity["cluster"]], include=["SETTINGS"])["clusters"]
    if not found:
        raise Refusal("it no longer exists: describe_clusters shows nothing")
    cluster: Mapping[str, Any] = found[0]
    return cluster


def _settings(cluster: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Container Insights, the only setting of a cluster."""
    values = [each["value"] for each in cluster.get("settings") or () if each["name"] == _INSIGHTS]
    return [{"name": _INSIGHTS, "value": values[0] if values else "disabled"}]


class ChangeCluster(ChangeSettings):
    """Change settings of a cluster, and verify the result. The only one is Container Insights.

    Written because c7n has no action for the settings of a cluster.

    Source: ECS's UpdateClusterSettings and DescribeClusters.

    :example:

    .. code-block:: yaml

        policies:
          - name: ecs-container-insights-enable
            resource: aws.ecs
            filters:
              - type: value
                key: "settings[?name=='containerInsights'].value | [0]"
                op: ni
                value: [enabled, enhanced]
            actions:
              - type: change-settings
                settings: {settings: [{name: containerInsights, value: enabled}]}
    """

    settings_call = SettingsCall(
        "ecs", "update_cluster_settings", ("cluster",), {"settings": _settings}, _cluster,
        reads=("ecs:DescribeClusters",), writes=("ecs:UpdateClusterSettings",))
