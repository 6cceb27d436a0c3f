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


def test_a_change_of_one_log_leaves_the_others(moto: Moto) -> None:
    es = moto.client("es")
    group = "arn:aws:logs:us-east-1:123456789012:log-group:x"
    es.create_elasticsearch_domain(DomainName="domain")
    for log in ("AUDIT_LOGS", "ES_APPLICATION_LOGS"):
        es.update_elasticsearch_domain_config(DomainName="domain", LogPublishingOptions={
            log: {"CloudWatchLogsLogGroupArn": group, "Enabled": True}})
    es.update_elasticsearch_domain_config(DomainName="domain", LogPublishingOptions={"AUDIT_LOGS": {"Enabled": False}})
    found = es.describe_elasticsearch_domain_config(DomainName="domain")["DomainConfig"]["LogPublishingOptions"]
    assert {log: options["Enabled"] for log, options in found["Options"].items()} == {
        "AUDIT_LOGS": False, "ES_APPLICATION_LOGS": True}
