"""ECR.

Source: ECR's PutImageScanningConfiguration, PutImageTagMutability, BatchGetRepositoryScanningConfiguration,
GetRegistryScanningConfiguration and DescribeRepositories; the ECR user guide, "Filters to choose which repositories are
scanned".
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....aws import call
from ....errors import Refusal
from ....fixing import SettingsCall, same_names, shown_by

_shown_scanning = shown_by(
    "batch_get_repository_scanning_configuration", "scanningConfigurations[0]", repositoryNames=["repositoryName"])


def _scanning(client: Any, identity: Mapping[str, Any]) -> Mapping[str, Any]:
    registry = call(client.get_registry_scanning_configuration).get("scanningConfiguration") or {}
    if registry.get("scanType") == "ENHANCED" or registry.get("rules"):
        raise Refusal("the scanning rules of the registry decide, not the setting of the repository: add a rule for it")
    return _shown_scanning(client, identity)


REPOSITORY_SCANNING = SettingsCall(
    "ecr", "put_image_scanning_configuration", ("repositoryName",),
    # What counts is how often ECR scans it.
    {"imageScanningConfiguration": lambda found: {"scanOnPush": found["scanFrequency"] != "MANUAL"}},
    _scanning,
    reads=("ecr:BatchGetRepositoryScanningConfiguration", "ecr:GetRegistryScanningConfiguration"),
    writes=("ecr:PutImageScanningConfiguration",), ignored=("registryId",))

REPOSITORY_TAGS = SettingsCall(
    "ecr", "put_image_tag_mutability", ("repositoryName",), same_names("imageTagMutability"),
    shown_by("describe_repositories", "repositories[0]", repositoryNames=["repositoryName"]),
    reads=("ecr:DescribeRepositories",), writes=("ecr:PutImageTagMutability",), ignored=("registryId",))
