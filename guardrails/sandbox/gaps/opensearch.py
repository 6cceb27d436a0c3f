"""Adds to moto's domains of OpenSearch and Elasticsearch whether an update of the service software waits for them.

Source: OpenSearch's and Elasticsearch's DescribeDomains, `ServiceSoftwareOptions`. No call of the account makes an
update available: set `service_software_options` of the domain in the backend.
"""
from __future__ import annotations

from typing import Any

from moto.opensearch.models import OpenSearchDomain

from ..moto_fixes import replaces

_UP_TO_DATE = {
    "CurrentVersion": "", "NewVersion": "", "UpdateAvailable": False, "Cancellable": False, "UpdateStatus": "COMPLETED",
    "Description": "There is no software update available for this domain.", "OptionalDeployment": True,
}


def apply() -> None:
    """Apply the changes, once in a process."""
    original_init, original_options = OpenSearchDomain.__init__, OpenSearchDomain.dct_options

    @replaces(OpenSearchDomain, "__init__")
    def init(domain: Any, *args: Any, **kwargs: Any) -> None:
        original_init(domain, *args, **kwargs)
        domain.service_software_options = dict(_UP_TO_DATE)

    @replaces(OpenSearchDomain, "dct_options")
    def options(domain: Any) -> dict[str, Any]:
        return {**original_options(domain), "ServiceSoftwareOptions": domain.service_software_options}
