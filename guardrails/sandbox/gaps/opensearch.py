"""Adds to moto's domains whether an update of the service software waits for them, and that their logs can change.

Source: OpenSearch's and Elasticsearch's DescribeDomains, `ServiceSoftwareOptions`. No call of the account makes an
update available: set `service_software_options` of the domain in the backend.
"""
from __future__ import annotations

import json
from typing import Any

from moto.es.urls import url_paths
from moto.opensearch.models import OpenSearchDomain
from moto.opensearch.responses import OpenSearchServiceResponse

from ..moto_fixes import replaces

_UP_TO_DATE = {
    "CurrentVersion": "", "NewVersion": "", "UpdateAvailable": False, "Cancellable": False, "UpdateStatus": "COMPLETED",
    "Description": "There is no software update available for this domain.", "OptionalDeployment": True,
}


def apply() -> None:
    """Apply the changes, once in a process."""
    _service_software()
    _changed_logs()


def _service_software() -> None:
    original_init, original_options = OpenSearchDomain.__init__, OpenSearchDomain.dct_options

    @replaces(OpenSearchDomain, "__init__")
    def init(domain: Any, *args: Any, **kwargs: Any) -> None:
        original_init(domain, *args, **kwargs)
        domain.service_software_options = dict(_UP_TO_DATE)

    @replaces(OpenSearchDomain, "dct_options")
    def options(domain: Any) -> dict[str, Any]:
        return {**original_options(domain), "ServiceSoftwareOptions": domain.service_software_options}


def _changed_logs() -> None:
    """UpdateElasticsearchDomainConfig changes the logs that it names; moto answers as if it was asked to describe.

    Source: LogPublishingOptions of Elasticsearch's UpdateElasticsearchDomainConfig.
    """
    [path] = [each for each in url_paths if "/es/domain/" in each and each.endswith("/config")]
    describe = url_paths[path]

    def config(request: Any, full_url: str, headers: Any) -> Any:
        if request.method == "POST":
            call = OpenSearchServiceResponse()
            call.setup_class(request, full_url, headers)
            domain = call.opensearch_backend.describe_domain(request.url.split("/")[-2])
            logs = json.loads(call.body or "{}").get("LogPublishingOptions") or {}
            domain.log_publishing_options = {**(domain.log_publishing_options or {}), **logs}
        return describe(request, full_url, headers)

    url_paths[path] = config
