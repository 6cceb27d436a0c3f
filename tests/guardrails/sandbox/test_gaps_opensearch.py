"""Updates of the service software, which moto's domains do not have."""
from __future__ import annotations

from guardrails.sandbox.given_state import set_state
from tests.moto_server import ACCOUNT, REGION, Moto


def test_an_update_may_wait(moto: Moto) -> None:
    es = moto.client("es")
    for name in ("waits", "newest"):
        es.create_elasticsearch_domain(DomainName=name)
    options = "opensearch.domains.waits.service_software_options"
    set_state(options, {"UpdateAvailable": True}, account=ACCOUNT, region=REGION)
    found = es.describe_elasticsearch_domains(DomainNames=["waits", "newest"])["DomainStatusList"]
    assert {each["DomainName"]: each["ServiceSoftwareOptions"]["UpdateAvailable"] for each in found} == {
        "waits": True, "newest": False}
