"""The filter `not-scanned` on `aws.ecr`: repositories whose images are scanned only when somebody asks for it.

Source: ECR's BatchGetRepositoryScanningConfiguration; AWS Config's rule ecr-private-image-scanning-enabled, which asks
for a scan frequency of SCAN_ON_PUSH or CONTINUOUS_SCAN.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import chunks, local_session, type_schema

from ...aws import call

_NAMES = 25
"""The maximum number of repositories of one call."""
_AUTOMATIC = ("SCAN_ON_PUSH", "CONTINUOUS_SCAN")


class NotScanned(Filter):
    """Repositories that ECR scans neither on push nor continuously.

    The settings of the registry count, with basic and with enhanced scanning, and those of the repository where the
    registry has none. One call for 25 repositories. The frequency is kept on the repository as `c7n:ScanFrequency`. A
    repository that was deleted meanwhile does not match.

    Written because c7n knows only the setting of the repository (`imageScanningConfiguration`), which says nothing
    about the rules of the registry.

    :example:

    .. code-block:: yaml

        policies:
          - name: ecr-scanned
            resource: aws.ecr
            filters:
              - not-scanned
    """

    schema = type_schema("not-scanned")
    permissions = ("ecr:BatchGetRepositoryScanningConfiguration",)
    annotation_key = "c7n:ScanFrequency"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("ecr")
        frequencies: dict[str, str] = {}
        for some in chunks(sorted(each["repositoryName"] for each in resources), _NAMES):
            answer = call(client.batch_get_repository_scanning_configuration, repositoryNames=list(some))
            frequencies |= {each["repositoryName"]: each["scanFrequency"] for each in answer["scanningConfigurations"]}
        found = []
        for repository in resources:
            frequency = frequencies.get(repository["repositoryName"])
            if frequency is not None and frequency not in _AUTOMATIC:
                repository[self.annotation_key] = frequency
                found.append(repository)
        return found
