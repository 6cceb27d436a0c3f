"""EKS: UpdateClusterConfig changes the types of logs that it names, and moto forgets the others.

Source: EKS's UpdateClusterConfig and LogSetup: each type of log can be enabled or disabled independently.
"""
from __future__ import annotations

from typing import Any

from moto.eks.models import EKSBackend

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the changes, once in a process."""
    original: Any = EKSBackend.update_cluster_config

    @replaces(EKSBackend, "update_cluster_config")
    def update(backend: Any, name: str, *, logging: Any = None, **others: Any) -> Any:
        before = getattr(backend.clusters.get(name), "logging", None)
        return original(backend, name=name, logging=logging and _merged(before, logging), **others)


def _merged(before: Any, change: Any) -> dict[str, Any]:
    states: dict[str, bool] = {}
    for each in (before, change):
        for entry in (each or {}).get("clusterLogging") or ():
            states |= dict.fromkeys(entry.get("types") or (), bool(entry.get("enabled")))
    return {"clusterLogging": [
        {"types": [kind for kind, on in states.items() if on is enabled], "enabled": enabled}
        for enabled in (True, False) if enabled in states.values()]}
