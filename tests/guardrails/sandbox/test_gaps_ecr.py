"""What was added to moto's ECR, as AWS has it."""
from __future__ import annotations

from typing import Any

from tests.moto_server import Moto


def frequencies(ecr: Any, *names: str) -> list[str]:
    found = ecr.batch_get_repository_scanning_configuration(repositoryNames=list(names))["scanningConfigurations"]
    return [each["scanFrequency"] for each in found]


def test_a_repository_is_scanned_as_its_own_setting_says(moto: Moto) -> None:
    ecr = moto.client("ecr")
    ecr.create_repository(repositoryName="plain")
    ecr.create_repository(repositoryName="scanned", imageScanningConfiguration={"scanOnPush": True})
    assert frequencies(ecr, "plain", "scanned") == ["MANUAL", "SCAN_ON_PUSH"]
    ecr.put_image_scanning_configuration(repositoryName="plain", imageScanningConfiguration={"scanOnPush": True})
    assert frequencies(ecr, "plain") == ["SCAN_ON_PUSH"]


def test_rules_of_the_registry_decide(moto: Moto) -> None:
    ecr = moto.client("ecr")
    ecr.create_repository(repositoryName="other")
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[
        {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "prod*", "filterType": "WILDCARD"}]}])
    ecr.put_image_scanning_configuration(repositoryName="other", imageScanningConfiguration={"scanOnPush": True})
    assert frequencies(ecr, "other") == ["MANUAL"]
