"""What AWS Config is told of a resource, in both of its modes."""
from __future__ import annotations

import contextlib
import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n.credentials import SessionFactory
from c7n.utils import local_session

from custom_actions import lambda_entry
from custom_actions.fixing.telling import MessageNotSent
from custom_actions.functions.config_rules import ConfigItemUnavailable, ConfigPollRule, EvaluationsNotAccepted
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

from .messages import DRIFT, group, ingress, item, notification

WEB = {"filters": [
    {"type": "scope", "filters": [{"type": "value", "key": "GroupName", "op": "glob", "value": "web*"}]},
    {"type": "value", "key": "length(IpPermissions)", "value": 1},
]}
TITLE = {"metadata": {"title": "Web groups are shut", "response": "none"}}


def verdicts(config: SimpleNamespace) -> dict[str, str]:
    return {e["ComplianceResourceId"]: e["ComplianceType"] for e in config.evaluations}


def named(name: str, *cidrs: str) -> dict[str, Any]:
    """An item of a group of that name; its id is the name."""
    made = item(name, *cidrs)
    made["configuration"]["groupName"] = name
    return made


@pytest.mark.parametrize(("name", "cidrs", "verdict"), [
    ("web", ("0.0.0.0/0",), "NON_COMPLIANT"), ("web", (), "COMPLIANT"), ("other", ("0.0.0.0/0",), "NOT_APPLICABLE"),
])
def test_three_verdicts(
    function: Any, config: SimpleNamespace, name: str, cidrs: tuple[str, ...], verdict: str
) -> None:
    function("config-rule", **WEB)
    lambda_entry.run(notification(configurationItem=named(name, *cidrs)), None)
    assert verdicts(config) == {name: verdict}


def test_an_item_that_lacks_what_a_filter_looks_for_is_read_from_aws(
    function: Any, moto: Moto, config: SimpleNamespace
) -> None:
    """A good group stays compliant, a bad one never becomes so, and one that AWS does not have is no verdict."""
    function("config-rule", **DRIFT)
    bad, good = group(moto, "bad", "0.0.0.0/0"), group(moto, "good")
    for of in (bad, good, "sg-0123456789abcdef0"):
        lacking = item(of)
        del lacking["configuration"]["ipPermissions"]
        with pytest.raises(ConfigItemUnavailable, match="lacks IpPermissions") if of not in (bad, good) \
                else contextlib.nullcontext():
            lambda_entry.run(notification(configurationItem=lacking), None)
    assert verdicts(config) == {bad: "NON_COMPLIANT", good: "COMPLIANT"}


def test_an_evaluation_that_is_not_accepted_is_sent_again(function: Any, config: SimpleNamespace) -> None:
    function("config-rule", **WEB)
    config.refuses = {"web": 1}
    lambda_entry.run(notification(configurationItem=named("web")), None)
    assert verdicts(config) == {"web": "COMPLIANT"}


def test_an_old_verdict_that_stays_fails_the_invocation(
    function: Any, moto: Moto, config: SimpleNamespace
) -> None:
    function("config-poll-rule", **WEB)
    stuck, other = group(moto, "web-1", "0.0.0.0/0"), group(moto, "web-2", "0.0.0.0/0")
    config.refuses = {stuck: 2}
    with pytest.raises(EvaluationsNotAccepted, match=f"keeps older verdicts for: AWS::EC2::SecurityGroup {stuck}$"):
        lambda_entry.run(notification("ScheduledNotification"), None)
    assert stuck not in verdicts(config)
    assert verdicts(config)[other] == "NON_COMPLIANT"


@pytest.mark.parametrize("mode", ["config-rule", "config-poll-rule"])
def test_a_test_of_the_rule_is_marked_as_one_and_fixes_nothing(
    mode: str, function: Any, moto: Moto, config: SimpleNamespace
) -> None:
    function(mode, **DRIFT, actions=["revert-ingress"])
    bad = group(moto, "bad", "0.0.0.0/0")
    posted = bodies(config)
    message = notification(configurationItem=item(bad, "0.0.0.0/0")) if mode == "config-rule" else notification(
        "ScheduledNotification")
    lambda_entry.run({**message, "resultToken": "TESTMODE"}, None)
    assert verdicts(config)[bad] == "NON_COMPLIANT"
    assert ingress(moto, bad)
    assert [body["TestMode"] for body in posted] == [True]
    lambda_entry.run(message, None)
    assert [body["TestMode"] for body in posted] == [True, False]
    assert verdicts(config)[bad] == "COMPLIANT"


def test_more_than_a_batch_is_sent_in_order_and_each_evaluation_once(
    function: Any, moto: Moto, config: SimpleNamespace
) -> None:
    function("config-poll-rule", **WEB)
    groups = [group(moto, f"web-{number}") for number in range(230)]
    config.old = [{
        "EvaluationResultIdentifier": {"EvaluationResultQualifier": {
            "ResourceType": "AWS::EC2::SecurityGroup", "ResourceId": "sg-deleted"}}, "ComplianceType": "COMPLIANT"}]
    config.refuses = {groups[3]: 1, groups[150]: 1, groups[229]: 1}
    posted = bodies(config)
    lambda_entry.run(notification("ScheduledNotification"), None)
    sizes = [len(body["Evaluations"]) for body in posted]
    assert (sizes[:3], sizes[3:]) == ([100, 100, len(groups) + 2 - 200], [1, 1, 1])  # a default group, a deleted one
    sent = [each["ComplianceResourceId"] for each in config.evaluations]
    assert len(sent) == len(set(sent)) == len(groups) + 2
    assert sent[-3:] == [groups[3], groups[150], groups[229]], "those that were not accepted, in their order"
    assert {each["OrderingTimestamp"] for each in config.evaluations} == {config.evaluations[0]["OrderingTimestamp"]}
    assert verdicts(config)["sg-deleted"] == "NOT_APPLICABLE"


def test_a_batch_that_fails_does_not_stop_the_others_and_fails_the_invocation(
    function: Any, moto: Moto, config: SimpleNamespace
) -> None:
    function("config-poll-rule", **WEB)
    for number in range(230):
        group(moto, f"web-{number}")
    numbers = itertools.count()

    def second(**_: Any) -> None:
        if next(numbers) == 1:
            raise ClientError({"Error": {"Code": "InvalidParameterValueException", "Message": "no"}}, "PutEvaluations")

    local_session(SessionFactory(REGION)).events.register_first("before-call.config.PutEvaluations", second)
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        lambda_entry.run(notification("ScheduledNotification"), None)
    assert len(config.evaluations) == 131


def bodies(config: SimpleNamespace) -> list[dict[str, Any]]:
    """What PutEvaluations is asked, from now on."""
    asked: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(json.loads(params["body"]))

    local_session(SessionFactory(REGION)).events.register_first("before-call.config.PutEvaluations", note)
    return asked


def test_the_annotation_says_what_is_wrong_with_this_resource(function: Any, config: SimpleNamespace) -> None:
    function("config-rule", **WEB, **TITLE)
    lambda_entry.run(notification(configurationItem=named("web", "0.0.0.0/0")), None)
    [evaluation] = config.evaluations
    # Why it is in scope is no evidence against it.
    assert evaluation["Annotation"] == "Violated: Web groups are shut. length(IpPermissions): 1"


def test_an_annotation_is_never_longer_than_aws_takes(function: Any, config: SimpleNamespace) -> None:
    function("config-rule", **WEB, metadata={"title": "x" * 300, "response": "none"})
    lambda_entry.run(notification(configurationItem=named("web", "0.0.0.0/0")), None)
    assert len(config.evaluations[0]["Annotation"]) == 256


@pytest.mark.parametrize("mode", ["config-rule", "config-poll-rule"])
def test_a_policy_that_is_not_in_force_judges_nothing(
    function: Any, moto: Moto, config: SimpleNamespace, mode: str
) -> None:
    off = {"conditions": [{"type": "value", "key": "policy.metadata.profile", "op": "in", "value": []}],
           "metadata": {"profile": "strict"}}
    bad = group(moto, "bad", "0.0.0.0/0")
    message = notification("ScheduledNotification") if mode == "config-poll-rule" else notification(
        configurationItem=item(bad, "0.0.0.0/0"))
    function(mode, **DRIFT, **off, actions=["revert-ingress"])
    lambda_entry.run(message, None)
    assert verdicts(config)[bad] == "NOT_APPLICABLE"
    assert ingress(moto, bad)


def test_a_poll_judges_every_resource_and_fixes_what_it_can(
    function: Any, moto: Moto, config: SimpleNamespace
) -> None:
    function("config-poll-rule", filters=[WEB["filters"][0], *DRIFT["filters"]], actions=["revert-ingress"])
    bad, good, other = group(moto, "web-bad", "0.0.0.0/0"), group(moto, "web-good"), group(moto, "x", "0.0.0.0/0")
    described = count(config, "ec2.DescribeSecurityGroups")
    lambda_entry.run(notification("ScheduledNotification"), None)
    found = verdicts(config)
    assert (found[bad], found[good], found[other]) == ("COMPLIANT", "COMPLIANT", "NOT_APPLICABLE")
    assert not ingress(moto, bad) and ingress(moto, other)
    # Once for all of them, once for the one that was fixed.
    assert len(described) == 2


def test_what_cannot_be_read_again_is_not_called_compliant(
    function: Any, moto: Moto, config: SimpleNamespace
) -> None:
    function("config-rule", **DRIFT, actions=["revert-ingress"])
    bad = group(moto, "bad", "0.0.0.0/0")
    local_session(SessionFactory(REGION)).events.register("before-call.ec2.DescribeSecurityGroups", denied)
    with pytest.raises(ClientError):
        lambda_entry.run(notification(configurationItem=item(bad, "0.0.0.0/0")), None)
    assert verdicts(config) == {bad: "NON_COMPLIANT"}
    assert "UnauthorizedOperation" in config.evaluations[0]["Annotation"]


def test_a_poll_that_finds_nothing_says_so_of_the_account(function: Any, config: SimpleNamespace) -> None:
    function("config-poll-rule", resource="aws.vpc-endpoint", filters=[{"State": "available"}])
    lambda_entry.run(notification("ScheduledNotification"), None)
    assert verdicts(config) == {ACCOUNT: "NOT_APPLICABLE"}


def count(config: SimpleNamespace, call: str) -> list[Any]:
    """Collects the calls of one API from here on."""
    seen: list[Any] = []
    local_session(SessionFactory(REGION)).events.register(f"before-call.{call}", lambda **_: seen.append(1))
    return seen


def denied(**_: Any) -> None:
    raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "DescribeSecurityGroups")


def test_a_deployed_rule_hears_of_items_too_large_for_a_message(moto: Moto, tmp_path: Path) -> None:
    policy = {"name": "p", "resource": "aws.security-group", "mode": {"type": "config-rule", "role": "r"}, **DRIFT}
    for _ in range(2):
        made = engine.load(policy, tmp_path).get_execution_mode().policy_lambda(engine.load(policy, tmp_path))
        made.archive.close()
        made.archive.remove()
        [rule] = made.get_events(None)
        made.arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:p"
        params = rule.get_rule_params(made)
        assert [detail["MessageType"] for detail in params["Source"]["SourceDetails"]] == [
            "ConfigurationItemChangeNotification", "OversizedConfigurationItemChangeNotification"]


def test_two_stages_of_one_deployment_are_two_resources(moto: Moto, tmp_path: Path) -> None:
    client = moto.client("apigateway")
    api = client.create_rest_api(name="shop")["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    client.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    client.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    deployment = client.create_deployment(restApiId=api)["id"]
    for name in ("blue", "green"):
        client.create_stage(restApiId=api, stageName=name, deploymentId=deployment)
    judge = ConfigPollRule(engine.load({
        "name": "p", "resource": "aws.rest-stage", "filters": [{"stageName": "blue"}],
        "mode": {"type": "config-poll-rule", "role": "r", "schedule": "One_Hour", "ignore-support-check": True},
    }, tmp_path))
    both = judge.every()
    assert {stage["deploymentId"] for stage in both} == {deployment} and len(both) == 2
    [blue] = judge.matching(both, {})
    assert [stage["stageName"] for stage in judge.read_again([blue])] == ["blue"]
    assert judge.evaluate_again(both, {}) == ({f"{api}/green"}, {f"{api}/blue"})
    # Of a stage that somebody names by c7n's id alone, nobody can say which it is.
    assert len(judge.read_again([{"deploymentId": deployment}])) == 2


@pytest.mark.parametrize("mode", ["config-rule", "config-poll-rule"])
def test_a_message_that_is_not_sent_fails_the_invocation_and_not_the_verdict(
    function: Any, moto: Moto, config: SimpleNamespace, mode: str
) -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:missing"
    notify = {"type": "notify", "to": ["somebody"], "transport": {"type": "sns", "topic": topic}}
    function(mode, **DRIFT, actions=["revert-ingress", notify])
    opened = group(moto, "web", "0.0.0.0/0")
    told = {"configurationItem": item(opened, "0.0.0.0/0")} if mode == "config-rule" else {
        "messageType": "ScheduledNotification"}
    with pytest.raises(MessageNotSent, match="NotFound"):
        lambda_entry.run(notification(**told), None)
    assert ingress(moto, opened) == []
    assert verdicts(config)[opened] == "COMPLIANT"
