"""The filters on the account: what they say, and that what cannot be read is an error."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError
from moto.cloudtrail.models import CloudTrailBackend
from moto.config.models import ConfigBackend, config_backends
from moto.core.exceptions import JsonRESTError
from moto.iam.models import IAMBackend
from moto.securityhub.models import SecurityHubBackend

from custom_actions.errors import CannotRead
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto
from tests.policies.harness import policies
from tests.wire import Wire


def run(tmp_path: Path, **filters: Any) -> list[dict[str, Any]]:
    return engine.pull({"name": "p", "resource": "aws.account", "filters": [filters]}, tmp_path, dryrun=True)


def refused(code: str) -> Any:
    def raising(*_: Any, **__: Any) -> None:
        raise JsonRESTError(code, "no")

    return raising


@pytest.fixture
def trails(moto: Moto) -> Any:
    moto.client("s3").create_bucket(Bucket="logs")
    client = moto.client("cloudtrail")
    client.create_trail(Name="near", S3BucketName="logs", IsMultiRegionTrail=True)
    client.create_trail(Name="far", S3BucketName="logs")
    return client


WANTED = {"type": "missing-trail", "multi-region": True, "management-events": True}


def test_the_nearest_trail_is_named_with_what_it_lacks(trails: Any, tmp_path: Path) -> None:
    [account] = run(tmp_path, **WANTED)
    assert account["c7n:MissingTrail"] == [
        "the closest trail is arn:aws:cloudtrail:us-east-1:123456789012:trail/near, which does not log"]


def test_the_likeliest_is_read_first_and_alone(
    trails: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trails.start_logging(Name="near")
    asked: list[str] = []
    original = CloudTrailBackend.get_trail_status

    def status(backend: Any, name: str) -> Any:
        asked.append(name)
        return original(backend, name)

    monkeypatch.setattr(CloudTrailBackend, "get_trail_status", status)
    assert run(tmp_path, **WANTED) == []
    assert len(asked) == 1


@pytest.mark.parametrize("call", ["describe_trails", "get_trail_status", "get_event_selectors"])
def test_trails_that_may_not_be_read_are_an_error(
    trails: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    trails.start_logging(Name="near")
    monkeypatch.setattr(CloudTrailBackend, call, refused("AccessDeniedException"))
    named = call != "describe_trails"
    with pytest.raises(CannotRead if named else ClientError, match="AccessDenied") as caught:
        run(tmp_path, **WANTED)
    assert named == (":trail/near: " in str(caught.value))


@pytest.fixture
def of_organization(trails: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The account sees a trail of its organization, as AWS shows it to a member."""
    trails.start_logging(Name="near")
    arn = "arn:aws:cloudtrail:us-east-1:999999999999:trail/org"
    custom: dict[str, bool] = {"HasCustomEventSelectors": False}
    wire = Wire()
    wire.change("DescribeTrails", lambda answer: {**answer, "trailList": [
        {**trail, **custom, "IsOrganizationTrail": True, "TrailARN": arn}
        for trail in answer["trailList"] if trail["Name"] == "near"]})
    wire.change("GetTrailStatus", lambda answer: answer)
    original = CloudTrailBackend.get_trail_status
    monkeypatch.setattr(CloudTrailBackend, "get_trail_status", lambda self, name: original(
        self, name.replace("999999999999:trail/org", f"{ACCOUNT}:trail/near")))
    monkeypatch.setattr(CloudTrailBackend, "get_event_selectors", refused("TrailNotFoundException"))
    wire.install(monkeypatch)
    return custom


def test_the_trail_of_the_organization_answers_in_its_members(of_organization: dict[str, bool], tmp_path: Path) -> None:
    assert run(tmp_path, **WANTED) == []
    [account] = run(tmp_path, **WANTED, **{"s3-data-events": True})
    assert account["c7n:MissingTrail"] == [
        "the closest trail is arn:aws:cloudtrail:us-east-1:999999999999:trail/org, which does not record data events "
        "of all buckets"]


def test_selectors_that_a_member_cannot_see_are_unknown_unless_the_management_account_checks_them(
    of_organization: dict[str, bool], tmp_path: Path
) -> None:
    of_organization["HasCustomEventSelectors"] = True
    with pytest.raises(CannotRead, match="management account only"):
        run(tmp_path, **WANTED)
    assert run(tmp_path, **WANTED, **{"organization-trails": ["*:999999999999:trail/org"]}) == []
    with pytest.raises(CannotRead, match="management account only"):
        run(tmp_path, **WANTED, **{"organization-trails": ["*:trail/another"]})


def test_one_that_may_not_be_read_is_none_when_another_has_all(
    trails: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trails.create_trail(Name="theirs", S3BucketName="logs", IsMultiRegionTrail=True)
    trails.start_logging(Name="theirs")
    original = CloudTrailBackend.get_trail_status

    def status(backend: Any, name: str) -> Any:
        return refused("AccessDeniedException")() if name.endswith("near") else original(backend, name)

    monkeypatch.setattr(CloudTrailBackend, "get_trail_status", status)
    assert run(tmp_path, **WANTED) == []


def test_missing_rules_are_named(moto: Moto, tmp_path: Path) -> None:
    source = {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}
    for number in range(30):  # more than a page
        moto.client("config").put_config_rule(ConfigRule={"ConfigRuleName": f"rule-{number}", "Source": source})
    held = config_backends[ACCOUNT][REGION].config_rules
    held["rule-1"].config_rule_state, held["rule-0"].config_rule_state = "DELETING", "EVALUATING"
    names = ["rule-0", "rule-1", "rule-29", "none"]
    [account] = run(tmp_path, type="missing-config-rules", names=names)
    assert account["c7n:MissingConfigRules"] == ["rule-1 is DELETING", "none does not exist"]
    assert run(tmp_path, type="missing-config-rules", names=["rule-29"]) == []


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_rules_that_may_not_be_read_are_an_error(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr("c7n.utils.time.sleep", lambda _: None)
    monkeypatch.setattr(ConfigBackend, "describe_config_rules", refused(code))
    with pytest.raises(ClientError, match=code):
        run(tmp_path, type="missing-config-rules", names=["one"])


def test_neither_is_a_recorder_that_may_not_be_read_a_missing_one(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, policy = policies()["config-enabled"]
    monkeypatch.setattr(ConfigBackend, "describe_configuration_recorders", refused("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDenied"):
        engine.pull({**policy, "actions": []}, tmp_path, dryrun=True)


def test_neither_is_a_hub_that_may_not_be_read_one_that_is_on(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, policy = policies()["securityhub-enabled"]
    monkeypatch.setattr(SecurityHubBackend, "describe_hub", refused("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDenied"):
        engine.pull({**policy, "actions": []}, tmp_path, dryrun=True)


def test_a_credential_report_without_the_root_user_does_not_say_that_it_is_unused(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, policy = policies()["iam-root-not-used"]
    data = {**policy, "actions": []}
    moto.client("iam").generate_credential_report()
    assert engine.pull(data, tmp_path / "whole", dryrun=True) == []
    monkeypatch.setattr(IAMBackend, "get_credential_report", lambda _: "user,arn\nsomeone,arn:aws:iam::1:user/s\n")
    assert len(engine.pull(data, tmp_path / "without", dryrun=True)) == 1

    def denied(_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetCredentialReport")

    wire = Wire()
    wire.change("GetCredentialReport", denied)
    wire.install(monkeypatch)
    with pytest.raises(ClientError, match="AccessDenied"):
        engine.pull(data, tmp_path / "denied", dryrun=True)


def test_without_a_key_to_give_no_trail_loses_its_own(trails: Any, tmp_path: Path) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    trails.update_trail(Name="near", KmsKeyId=key)
    _, policy = policies()["cloudtrail-trail-encrypt"]
    data = {name: value for name, value in policy.items() if name != "mode"}
    assert not engine.load(data, tmp_path, variables={"cloudtrail_kms_key": "*:key/other"})()
    assert trails.describe_trails(trailNameList=["near"])["trailList"][0]["KmsKeyId"] == key


@pytest.mark.parametrize("filters", [
    {"type": "missing-trail", "validated": "yes"},
    {"type": "missing-config-rules", "names": "one"},
])
def test_settings_that_mean_nothing_are_refused(moto: Moto, tmp_path: Path, filters: dict[str, Any]) -> None:
    with pytest.raises(PolicyValidationError):
        run(tmp_path, **filters)
