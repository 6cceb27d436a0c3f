"""The Lambda entry on messages that c7n's own handler answers with a traceback, and on those that it can use.

moto takes no evaluations, so AWS Config's calls are answered here, at the edge of botocore; all else is real.
`tests/sandbox` and `tests/policies/test_realtime.py` run the same entry from the archive.
"""
from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n import handler
from c7n.credentials import SessionFactory
from c7n.policy import ConfigRuleMode, execution
from c7n.utils import local_session, reset_session_cache

from custom_actions import lambda_entry
from custom_actions.config_rule import ConfigItemUnavailable
from custom_actions.receipt import FixIncomplete
from tests.moto_server import ACCOUNT, REGION, Moto

GROUP_TYPE = "AWS::EC2::SecurityGroup"
TIME = "2026-11-23T12:00:00.000Z"


@pytest.fixture(autouse=True)
def function(moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Lays out a function's directory; call it with the policy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(handler, "policy_config", None)
    monkeypatch.setattr(handler, "policy_data", None)
    lambda_entry.policy_mode.cache_clear()

    def deploy(mode: str, **policy: Any) -> None:
        settings = {"role": "r", **(EVENTS if mode == "cloudtrail" else {})}
        data = {"name": "p", "resource": "aws.security-group", "mode": {"type": mode, **settings}, **policy}
        (tmp_path / "config.json").write_text(json.dumps({
            "policies": [data], "execution-options": {"output_dir": str(tmp_path)},
        }), encoding="utf-8")

    yield deploy
    # Other tests in this process get c7n's own class back.
    execution.register("config-rule", ConfigRuleMode)
    execution.register("config-rule", lambda_entry.ConfigRule)
    lambda_entry.policy_mode.cache_clear()


@pytest.fixture
def config(moto: Moto) -> Iterator[SimpleNamespace]:
    """AWS Config's side: `items` that its history holds, `evaluations` that were posted, `fail` an error code."""
    reset_session_cache()
    seen = SimpleNamespace(items=[], evaluations=[], asked=[], fail=None, old=[])

    def ok(**answer: Any) -> tuple[Any, dict[str, Any]]:
        return SimpleNamespace(status_code=200), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}

    def history(params: dict[str, Any], **_: Any) -> Any:
        seen.asked.append(json.loads(params["body"]))
        if seen.fail:
            raise ClientError({"Error": {"Code": seen.fail, "Message": "no"}}, "GetResourceConfigHistory")
        return ok(configurationItems=seen.items)

    def put(params: dict[str, Any], **_: Any) -> Any:
        seen.evaluations += [
            {**evaluation, "token": json.loads(params["body"])["ResultToken"]}
            for evaluation in json.loads(params["body"])["Evaluations"]
        ]
        return ok(FailedEvaluations=[])

    def details(**_: Any) -> Any:
        return ok(EvaluationResults=seen.old)

    events = local_session(SessionFactory(REGION)).events
    events.register("before-call.config.GetResourceConfigHistory", history)
    events.register("before-call.config.PutEvaluations", put)
    events.register("before-call.config.GetComplianceDetailsByConfigRule", details)
    yield seen
    reset_session_cache()


def group(moto: Moto, name: str, *cidrs: str) -> str:
    ec2 = moto.client("ec2")
    group_id = ec2.create_security_group(GroupName=name, Description=name)["GroupId"]
    for cidr in cidrs:
        ec2.authorize_security_group_ingress(GroupId=group_id, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp=cidr)
    return str(group_id)


def ingress(moto: Moto, group_id: str) -> list[Any]:
    return list(moto.client("ec2").describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]["IpPermissions"])


def item(group_id: str, *cidrs: str, status: str = "OK") -> dict[str, Any]:
    """A configuration item of a group as AWS Config spells it."""
    return {
        "configurationItemVersion": "1.3", "configurationItemCaptureTime": TIME, "configurationItemStatus": status,
        "awsAccountId": ACCOUNT, "awsRegion": REGION, "resourceType": GROUP_TYPE, "resourceId": group_id,
        "resourceName": "g", "tags": {}, "relationships": [], "supplementaryConfiguration": {},
        "configuration": {
            "groupId": group_id, "groupName": "g", "ownerId": ACCOUNT, "vpcId": "vpc-1", "tags": [],
            "ipPermissionsEgress": [], "ipPermissions": [{
                "fromPort": 22, "toPort": 22, "ipProtocol": "tcp", "prefixListIds": [], "userIdGroupPairs": [],
                "ipRanges": list(cidrs), "ipv6Ranges": [], "ipv4Ranges": [{"cidrIp": cidr} for cidr in cidrs],
            }] if cidrs else [],
        },
    }


def notification(kind: str = "ConfigurationItemChangeNotification", **content: Any) -> dict[str, Any]:
    return {
        "version": "1.0", "configRuleName": "custodian-p", "resultToken": "token", "eventLeftScope": False,
        "invokingEvent": json.dumps({"messageType": kind, "notificationCreationTime": TIME, **content}),
    }


def summary(of: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in of.items() if key not in ("configuration", "supplementaryConfiguration")}


DRIFT = {"filters": [{"type": "ingress-drift", "forbidden": ["tcp 22 from world"]}]}
TRAIL_EVENT = {"eventName": "AuthorizeSecurityGroupIngress", "eventSource": "ec2.amazonaws.com",
               "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/eve"}}
EVENTS = {"events": [
    {"source": "ec2.amazonaws.com", "event": "AuthorizeSecurityGroupIngress", "ids": "requestParameters.groupId"}]}


def trail_event(group_id: str | None, **detail: Any) -> dict[str, Any]:
    return {"detail-type": "AWS API Call via CloudTrail", "region": REGION, "account": ACCOUNT, "detail": {
        **TRAIL_EVENT, "requestParameters": {"groupId": group_id} if group_id else None, **detail}}


def test_a_change_is_evaluated_and_fixed(function: Any, moto: Moto, config: SimpleNamespace) -> None:
    function("config-rule", **DRIFT, actions=["revert-ingress"])
    bad, good = group(moto, "bad", "0.0.0.0/0"), group(moto, "good")
    assert lambda_entry.run(notification(configurationItem=item(bad, "0.0.0.0/0")), None)
    assert lambda_entry.run(notification(configurationItem=item(good)), None)
    assert [(e["ComplianceResourceId"], e["ComplianceType"]) for e in config.evaluations] == [
        (bad, "NON_COMPLIANT"), (good, "COMPLIANT")]
    assert ingress(moto, bad) == []


def test_an_oversized_notification_is_fetched(function: Any, moto: Moto, config: SimpleNamespace) -> None:
    function("config-rule", **DRIFT)
    whole = item("sg-1", "0.0.0.0/0")
    config.items = [{**whole, "configuration": json.dumps(whole["configuration"]),
                     "configurationItemCaptureTime": 1795435200.0}]
    assert lambda_entry.run(notification(
        "OversizedConfigurationItemChangeNotification", configurationItemSummary=summary(whole)), None)
    [evaluation] = config.evaluations
    assert (evaluation["ComplianceResourceId"], evaluation["ComplianceType"]) == ("sg-1", "NON_COMPLIANT")
    [asked] = config.asked
    assert (asked["resourceType"], asked["resourceId"], asked["limit"]) == (GROUP_TYPE, "sg-1", 1)


def test_an_oversized_notification_of_a_deletion_is_not_applicable(function: Any, config: SimpleNamespace) -> None:
    function("config-rule", **DRIFT)
    gone = summary(item("sg-1", status="ResourceDeleted"))
    assert lambda_entry.run(
        notification("OversizedConfigurationItemChangeNotification", configurationItemSummary=gone), None)
    assert [(e["ComplianceResourceId"], e["ComplianceType"]) for e in config.evaluations] == [
        ("sg-1", "NOT_APPLICABLE")]
    assert config.asked == []


@pytest.mark.parametrize("code", ["", "ResourceNotDiscoveredException"])
def test_an_item_that_cannot_be_had_is_no_verdict(function: Any, config: SimpleNamespace, code: str) -> None:
    function("config-rule", **DRIFT)
    config.fail = code
    with pytest.raises(ConfigItemUnavailable, match="sg-1 was not evaluated"):
        lambda_entry.run(notification(
            "OversizedConfigurationItemChangeNotification", configurationItemSummary=summary(item("sg-1"))), None)
    assert config.evaluations == []


def test_a_schedules_tick_evaluates_every_resource(function: Any, moto: Moto, config: SimpleNamespace) -> None:
    function("config-rule", **DRIFT)
    bad, good = group(moto, "bad", "0.0.0.0/0"), group(moto, "good")
    config.old = [{"EvaluationResultIdentifier": {"EvaluationResultQualifier": {
        "ResourceType": GROUP_TYPE, "ResourceId": "sg-vanished"}}}]
    assert lambda_entry.run(notification("ScheduledNotification"), None)
    verdicts = {e["ComplianceResourceId"]: e["ComplianceType"] for e in config.evaluations}
    assert verdicts[bad] == "NON_COMPLIANT"
    assert verdicts[good] == "COMPLIANT"
    assert verdicts["sg-vanished"] == "NOT_APPLICABLE"
    assert {e["token"] for e in config.evaluations} == {"token"}


def test_a_failed_fix_is_reported_as_not_compliant(
    function: Any, moto: Moto, config: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    function("config-rule", **DRIFT, actions=["revert-ingress"])
    bad = group(moto, "bad", "0.0.0.0/0")
    local_session(SessionFactory(REGION)).events.register(
        "before-call.ec2.RevokeSecurityGroupIngress", _denied)
    with pytest.raises(FixIncomplete):
        lambda_entry.run(notification(configurationItem=item(bad, "0.0.0.0/0")), None)
    [evaluation] = config.evaluations
    assert (evaluation["ComplianceResourceId"], evaluation["ComplianceType"]) == (bad, "NON_COMPLIANT")
    assert "UnauthorizedOperation" in evaluation["Annotation"]
    assert len(evaluation["Annotation"]) <= 256


def _denied(**_: Any) -> None:
    raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "x" * 300}}, "RevokeSecurityGroupIngress")


def test_messages_wrapped_by_sns(function: Any, moto: Moto) -> None:
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    groups = [group(moto, f"g{n}", "0.0.0.0/0") for n in range(2)]
    wrapped = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(trail_event(group_id))}}
                           for group_id in groups]}
    assert lambda_entry.run(wrapped, None)
    assert [ingress(moto, group_id) for group_id in groups] == [[], []]


@pytest.mark.parametrize(("mode", "event", "said"), [
    ("cloudtrail", {"detail": {"requestParameters": {}}}, "detail.eventName and detail.eventSource"),
    ("cloudtrail", {"detail": "{}"}, "detail.eventName"),
    ("cloudtrail", {}, "detail.eventName"),
    ("cloudtrail", {"Records": [{"Sns": {"Message": "hello"}}]}, "not a JSON object: 'hello'"),
    ("cloudtrail", {"Records": [{"Sns": {"Message": "[1]"}}]}, "not a JSON object"),
    ("config-rule", {"configurationItem": {}, "messageType": "x"}, "invokingEvent and resultToken"),
    ("config-rule", {"invokingEvent": "{}"}, "needs resultToken"),
])
def test_what_cannot_be_used_ends_in_one_clear_line(
    function: Any, config: SimpleNamespace, caplog: pytest.LogCaptureFixture,
    mode: str, event: dict[str, Any], said: str,
) -> None:
    function(mode, **DRIFT)
    caplog.set_level(logging.ERROR, "custodian.guardrails")
    assert lambda_entry.run(copy.deepcopy(event), None) is False
    [line] = [record.getMessage() for record in caplog.records if record.name == "custodian.guardrails"]
    assert said in line
    assert config.evaluations == []


@pytest.mark.parametrize("group_id", [None, "sg-00000000000000000"])
def test_an_event_without_the_ids_it_needs_or_of_what_is_gone(
    function: Any, caplog: pytest.LogCaptureFixture, group_id: str | None
) -> None:
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    assert lambda_entry.run(trail_event(group_id), None)
    assert "Traceback" not in caplog.text
    assert "resource ids" in caplog.text


def test_an_event_of_a_failed_call_is_no_change(function: Any, moto: Moto) -> None:
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    bad = group(moto, "bad", "0.0.0.0/0")
    assert lambda_entry.run(trail_event(bad, errorCode="Client.UnauthorizedOperation"), None)
    assert ingress(moto, bad)
