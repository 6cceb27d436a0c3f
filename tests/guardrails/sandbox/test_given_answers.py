"""Answers that a case gives for calls that moto has no API for: in botocore's own shapes, read by the real client."""
from __future__ import annotations

from typing import Any

import pytest

from guardrails.sandbox import Sandbox, SandboxError
from tests.moto_server import Moto

ANALYZER = {
    "arn": "arn:aws:access-analyzer:us-east-1:123456789012:analyzer/a", "name": "a", "type": "ACCOUNT",
    "createdAt": "2026-01-01T00:00:00+00:00", "status": "ACTIVE",
}


@pytest.mark.parametrize(("call", "parameters", "answer"), [
    ("accessanalyzer.list_analyzers", {}, {"analyzers": [ANALYZER]}),  # rest-json
    ("accessanalyzer.get_analyzer", {"analyzerName": "a"}, {"analyzer": ANALYZER}),
    ("ssm.get_service_setting", {"SettingId": "/ssm/x"}, {"ServiceSetting": {"SettingValue": "Disable"}}),  # json
    ("neptune.describe_db_clusters", {}, {"DBClusters": [{"DBClusterIdentifier": "n", "MultiAZ": True}]}),  # query
    ("ec2.describe_hosts", {}, {"Hosts": [{"HostId": "h-1", "AvailableCapacity": {"AvailableVCpus": 2}}]}),  # ec2
    ("cloudfront.get_monitoring_subscription", {"DistributionId": "d"},  # rest-xml
     {"MonitoringSubscription": {
         "RealtimeMetricsSubscriptionConfig": {"RealtimeMetricsSubscriptionStatus": "Enabled"}}}),
])
def test_the_client_reads_what_was_given(moto: Moto, call: str, parameters: dict[str, Any], answer: Any) -> None:
    service, _, method = call.partition(".")
    moto.give_answer(call, answer)
    found = getattr(moto.client(service), method)(**parameters)
    found.pop("ResponseMetadata")
    if "createdAt" in str(answer):
        analyzer = found["analyzers"][0] if "analyzers" in found else found["analyzer"]
        analyzer["createdAt"] = analyzer["createdAt"].isoformat()
    assert found == answer


def test_other_calls_are_answered_as_before_and_a_reset_forgets(moto: Moto) -> None:
    moto.give_answer("ec2.describe_hosts", {"Hosts": []})
    assert moto.client("ec2").describe_vpcs()["Vpcs"]
    moto.give_answer("s3.list_buckets", {"Buckets": [{"Name": "given"}]})
    assert [each["Name"] for each in moto.client("s3").list_buckets()["Buckets"]] == ["given"]
    moto.give_answer("s3.list_buckets", {"Buckets": []})
    assert moto.client("s3").list_buckets()["Buckets"] == []
    moto.client("s3").create_bucket(Bucket="made")
    moto.reset()
    moto.client("s3").create_bucket(Bucket="real")
    assert [each["Name"] for each in moto.client("s3").list_buckets()["Buckets"]] == ["real"]


@pytest.mark.parametrize(("call", "answer", "why"), [
    ("accessanalyzer.list_analyzers", {"analyzers": [{**ANALYZER, "kind": "x"}]}, "Unknown parameter"),
    ("accessanalyzer.list_analyzers", {"analyzers": [{"name": "a"}]}, "Missing required parameter"),
    ("accessanalyzer.list_analyzers", {"analyzers": "none"}, "Invalid type"),
    ("accessanalyzer.list_things", {}, "has no such operation"),
    ("nosuchservice.list_things", {}, "no such service"),
])
def test_what_is_not_in_the_model_is_refused(moto: Moto, call: str, answer: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        moto.give_answer(call, answer)


def test_in_the_sandbox_an_answer_is_for_one_account(sandbox: Sandbox, account: str, other_account: str) -> None:
    sandbox.give_answer("accessanalyzer.list_analyzers", {"analyzers": [ANALYZER]}, account=account)
    assert sandbox.client("accessanalyzer", account).list_analyzers()["analyzers"][0]["name"] == "a"
    # A new account has none.
    assert sandbox.client("accessanalyzer", other_account).list_analyzers()["analyzers"] == []
    with pytest.raises(SandboxError, match=r"no answer was given: .*no such operation"):
        sandbox.give_answer("accessanalyzer.nothing", {}, account=account)
