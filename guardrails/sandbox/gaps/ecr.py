"""ECR: the scanning of a repository follows its own setting where the registry has no rules.

Source: ECR's PutImageScanningConfiguration and BatchGetRepositoryScanningConfiguration.
"""
from __future__ import annotations

from typing import Any

from moto.ecr.models import ECRBackend, Repository

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the changes, once in a process."""
    original_init: Any = Repository.__init__
    original_put: Any = ECRBackend.put_image_scanning_configuration

    @replaces(Repository, "__init__")
    def init(repository: Any, *args: Any, **named: Any) -> None:
        original_init(repository, *args, **named)
        _follow(repository)

    @replaces(ECRBackend, "put_image_scanning_configuration")
    def put(backend: Any, registry_id: str, repository_name: str, image_scan_config: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = original_put(backend, registry_id, repository_name, image_scan_config)
        if not backend.registry_scanning_configuration["rules"]:
            _follow(backend._get_repository(repository_name, registry_id))
        return answer


def _follow(repository: Any) -> None:
    on_push = bool(repository.image_scanning_configuration.get("scanOnPush"))
    repository.scanning_config |= {
        "scanOnPush": on_push, "scanFrequency": "SCAN_ON_PUSH" if on_push else "MANUAL"}
