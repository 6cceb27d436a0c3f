"""ECS: UpdateClusterSettings, which moto lacks. Source: its page in the API reference."""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ecs.responses import EC2ContainerServiceResponse


def apply() -> None:
    """Apply the additions, once in a process."""
    def update_cluster_settings(request: Any) -> ActionResult:
        cluster = request.ecs_backend.update_cluster(
            request._get_param("cluster"), request._get_param("settings"), None, None)
        return ActionResult({"cluster": cluster})

    EC2ContainerServiceResponse.update_cluster_settings = update_cluster_settings  # type: ignore[attr-defined]
