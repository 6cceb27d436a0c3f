"""ECS: UpdateClusterSettings, and DescribeCapacityProviders without names, which moto lacks.

Source: their pages in the API reference. Every account has two capacity providers of AWS, FARGATE and FARGATE_SPOT.
"""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.core.responses import ActionResult
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.utilities.utils import get_partition

from ..moto_fixes import replaces

_OF_AWS = ("FARGATE", "FARGATE_SPOT")
_PAGE = 10


def apply() -> None:
    """Apply the additions, once in a process."""
    def update_cluster_settings(request: Any) -> ActionResult:
        cluster = request.ecs_backend.update_cluster(
            request._get_param("cluster"), request._get_param("settings"), None, None)
        return ActionResult({"cluster": cluster})

    EC2ContainerServiceResponse.update_cluster_settings = update_cluster_settings  # type: ignore[attr-defined]
    _find_providers_of_aws()
    _describe_capacity_providers()


def _find_providers_of_aws() -> None:
    original = EC2ContainerServiceBackend._get_provider

    @replaces(EC2ContainerServiceBackend, "_get_provider")
    def get_provider(backend: Any, name_or_arn: str) -> Any:
        own = original(backend, name_or_arn)
        return own or next(
            (each for each in _of_aws(backend) if name_or_arn in (each.name, each.capacity_provider_arn)), None)


def _describe_capacity_providers() -> None:
    """Without names all of them, ten at a time; tags only if they are asked for. moto fails without names."""

    @replaces(EC2ContainerServiceResponse, "describe_capacity_providers")
    def describe(request: Any) -> ActionResult:
        backend = request.ecs_backend
        names = request._get_param("capacityProviders")
        if names:
            found, failures = backend.describe_capacity_providers(names)
        else:
            found, failures = [*_of_aws(backend), *backend.capacity_providers.values()], []
        start = int(request._get_param("nextToken") or 0)
        end = start + int(request._get_param("maxResults") or _PAGE)
        tagged = "TAGS" in (request._get_param("include") or [])
        result: dict[str, Any] = {
            "capacityProviders": [_shown(each, tagged=tagged) for each in found[start:end]], "failures": failures}
        if len(found) > end:
            result["nextToken"] = str(end)
        return ActionResult(result)


def _of_aws(backend: Any) -> list[SimpleNamespace]:
    start = f"arn:{get_partition(backend.region_name)}:ecs:{backend.region_name}:{backend.account_id}:capacity-provider"
    return [SimpleNamespace(name=name, capacity_provider_arn=f"{start}/{name}", status="ACTIVE", tags=[])
            for name in _OF_AWS]


def _shown(provider: Any, *, tagged: bool) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(provider), "tags": (provider.tags or []) if tagged else None})
