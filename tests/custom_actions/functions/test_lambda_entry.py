"""The Lambda entry on messages that c7n's own handler answers with a traceback, and on those that it can use.

`tests/sandbox` and `tests/policies` run the same entry from the archive.
"""
from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n.credentials import SessionFactory
from c7n.exceptions import PolicyValidationError
from c7n.mu import CloudWatchEventSource
from c7n.utils import local_session

from custom_actions import lambda_entry
from custom_actions.fixing.receipt import FixIncomplete
from custom_actions.functions.config_rules import ConfigItemUnavailable
from custom_actions.functions.probe import PROBE_PREFIX, PROBE_SOURCE
from tests import engine
from tests.moto_server import REGION, Moto

from .messages import DRIFT, EVENTS, GROUP_TYPE, group, ingress, item, notification, summary, trail_event


def test_a_change_is_evaluated_and_fixed(function: Any, moto: Moto, config: SimpleNamespace) -> None:
    function("config-rule", **DRIFT, actions=["revert-ingress"])
    bad, good = group(moto, "bad", "0.0.0.0/0"), group(moto, "good")
    assert lambda_entry.run(notification(configurationItem=item(bad, "0.0.0.0/0")), None)
    assert lambda_entry.run(notification(configurationItem=item(good)), None)
    assert [(e["ComplianceResourceId"], e["ComplianceType"]) for e in config.evaluations] == [
        (bad, "COMPLIANT"), (good, "COMPLIANT")]
    assert config.evaluations[0]["Annotation"].startswith("Fixed and verified. Before: Violated:")
    assert "revoke tcp 22 from 0.0.0.0/0" in config.evaluations[0]["Annotation"]
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


def wrapped(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(each)}} for each in messages]}


def test_messages_wrapped_by_sns(function: Any, moto: Moto, config: SimpleNamespace) -> None:
    function("config-rule", **DRIFT)
    items = [item(group(moto, f"g{n}", "0.0.0.0/0"), "0.0.0.0/0") for n in range(2)]
    assert lambda_entry.run(wrapped(*(notification(configurationItem=each) for each in items)), None)
    assert {each["ComplianceResourceId"] for each in config.evaluations} == {each["resourceId"] for each in items}


FORGED = [
    ({"source": "attacker.app"}, "its source is 'attacker.app'"),
    ({"source": None}, "its source is None"),
    ({"source": "guardrails.doctor"}, "its source is 'guardrails.doctor'"),
    ({"source": "AWS.ec2"}, "its source is 'AWS.ec2'"),
    ({"source": ["aws.ec2"]}, "its source is ['aws.ec2']"),
    ({"detail-type": "AWS API Call"}, "which CloudTrail does not use"),
    ({"account": None}, "it must have an account and a region"),
    ({"account": "222222222222"},
     "it is from account 222222222222, but this function processes events of 123456789012"),
    ({"detail": {"recipientAccountId": "222222222222"}}, "its detail.recipientAccountId is '222222222222'"),
    ({"detail": {"awsRegion": "eu-west-3"}}, "its detail.awsRegion is 'eu-west-3'"),
    ({"region": "eu-west-1\nERROR forged"}, "it must have an account and a region"),
    ({"detail": {"eventName": "AuthorizeSecurityGroupIngress\nERROR x"}}, "its detail.eventName is"),
    ({"detail": {"eventID": "a\x1b[2J"}}, "its detail.eventID is"),
    ({"detail": {"eventTime": {"a": 1}}}, "its detail.eventTime is"),
    ({"region": "eu-west-3", "detail": {"awsRegion": REGION}}, "but the event is from eu-west-3"),
]


class Context:
    invoked_function_arn = f"arn:aws:lambda:{REGION}:123456789012:function:custodian-p"
    function_name = "custodian-p"


@pytest.mark.parametrize(("change", "said"), FORGED)
def test_an_event_that_aws_has_not_sent_is_refused_logged_once_and_counted(
    function: Any, moto: Moto, capsys: pytest.CaptureFixture[str], change: dict[str, Any], said: str,
) -> None:
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    bad = group(moto, "bad", "0.0.0.0/0")
    event = trail_event(bad)
    event |= {**change, "detail": {**event["detail"], **change.get("detail", {})}}
    capsys.readouterr()
    assert lambda_entry.run(event, Context()) is False
    [line] = capsys.readouterr().out.splitlines()
    logged = json.loads(line)
    assert said in logged["message"]
    assert logged["RefusedEvents"] == 1
    assert logged["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "RefusedEvents", "Unit": "Count"}]
    assert ingress(moto, bad)


def test_aws_own_event_is_answered(function: Any, moto: Moto) -> None:
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    bad = group(moto, "bad", "0.0.0.0/0")
    event = trail_event(bad, recipientAccountId="123456789012", awsRegion=REGION)
    assert lambda_entry.run(event, Context()) is True
    assert ingress(moto, bad) == []


def test_an_event_of_aws_in_a_message_of_a_topic_is_refused(function: Any, moto: Moto) -> None:
    """Anyone with sns:Publish could have written it."""
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    bad = group(moto, "bad", "0.0.0.0/0")
    assert lambda_entry.run(wrapped(trail_event(bad)), Context()) is False
    assert ingress(moto, bad)


@pytest.mark.parametrize("source", ["my.app", {"prefix": "a"}, {"anything-but": "x"}])
def test_a_pattern_that_accepts_events_of_anyone_is_refused(tmp_path: Path, source: Any) -> None:
    mode = {"type": "cloudtrail", "role": "r", **EVENTS["cloudtrail"], "pattern": {"source": [source]}}
    with pytest.raises(PolicyValidationError, match="can be forged by anyone"):
        engine.load({"name": "p", "resource": "aws.security-group", "mode": mode}, tmp_path)


def test_every_pattern_requires_an_event_from_aws(tmp_path: Path) -> None:
    for own, expected in ((None, [{"prefix": "aws."}]), ({"source": ["aws.ec2"]}, ["aws.ec2"])):
        mode = {"type": "cloudtrail", "role": "r", **EVENTS["cloudtrail"], **({"pattern": own} if own else {})}
        policy = engine.load({"name": "p", "resource": "aws.security-group", "mode": mode}, tmp_path)
        rendered = CloudWatchEventSource(policy.get_execution_mode().policy.data["mode"], None).render_event_pattern()
        assert json.loads(rendered)["source"] == [*expected, PROBE_SOURCE]


@pytest.mark.parametrize(("mode", "event", "said"), [
    ("cloudtrail", {"detail": {"requestParameters": {}}}, "detail.eventName and detail.eventSource"),
    ("cloudtrail", {"detail": "{}"}, "detail.eventName"),
    ("cloudtrail", {}, "detail.eventName"),
    ("cloudtrail", {"Records": [{"Sns": {"Message": "hello"}}]}, "not a JSON object: 'hello'"),
    ("cloudtrail", {"Records": [{"Sns": {"Message": "[1]"}}]}, "not a JSON object"),
    ("config-rule", {"configurationItem": {}, "messageType": "x"}, "invokingEvent and resultToken"),
    ("config-rule", {"invokingEvent": "{}"}, "must have resultToken"),
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


def test_a_probe_is_answered_in_the_log_and_nothing_is_fixed(
    function: Any, moto: Moto, caplog: pytest.LogCaptureFixture
) -> None:
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    bad = group(moto, "bad", "0.0.0.0/0")
    caplog.set_level(logging.INFO, "custodian.guardrails")
    # Even one that names a resource and says nothing of an error.
    marker = f"{PROBE_PREFIX}1"
    assert lambda_entry.run({**trail_event(bad, eventID=marker), "source": PROBE_SOURCE}, None)
    assert f"probe {marker}: p is ready" in caplog.text
    assert ingress(moto, bad)


@pytest.mark.parametrize(("source", "marker", "fixed"), [
    ("aws.ec2", f"{PROBE_PREFIX}1", True), (PROBE_SOURCE, "e1", False), (PROBE_SOURCE, None, False),
])
def test_a_probes_marker_hides_no_event_and_its_source_forges_none(
    function: Any, moto: Moto, source: str, marker: str | None, fixed: bool,
) -> None:
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    bad = group(moto, "bad", "0.0.0.0/0")
    lambda_entry.run({**trail_event(bad, eventID=marker), "source": source}, None)
    assert (ingress(moto, bad) == []) is fixed


def test_a_probe_of_a_policy_that_does_not_load_fails(
    function: Any, moto: Moto, caplog: pytest.LogCaptureFixture
) -> None:
    function("cloudtrail", filters=["no-such-filter"])
    caplog.set_level(logging.INFO, "custodian.guardrails")
    marker = f"{PROBE_PREFIX}1"
    with pytest.raises(PolicyValidationError):
        lambda_entry.run({**trail_event(None, eventID=marker), "source": PROBE_SOURCE}, None)
    assert "is ready" not in caplog.text
