"""A change to a resource makes an item, the item runs the rule's function, and the function's verdict is read back."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardrails.sandbox import Sandbox

from .conftest import deploy, open_port, printed, security_group, start_recorder

GROUP, ROLE = "AWS::EC2::SecurityGroup", "AWS::IAM::Role"

# Judges whether port 22 is open; with the parameter `fix` it closes the port, too.
JUDGE = '''
import boto3, json

def run(event, context):
    print(json.dumps(event))
    told = json.loads(event["invokingEvent"])
    parameters = json.loads(event["ruleParameters"])
    if parameters.get("fail"):
        raise RuntimeError("on purpose")
    if told["messageType"] == "ScheduledNotification":
        return post(event, "AWS::::Account", event["accountId"], "COMPLIANT", told["notificationCreationTime"])
    item = told.get("configurationItem") or told["configurationItemSummary"]
    configuration = item.get("configuration")
    if event["eventLeftScope"] or item["configurationItemStatus"] == "ResourceDeleted":
        verdict = "NOT_APPLICABLE"
    elif any(rule.get("fromPort") == 22 for rule in (configuration or {}).get("ipPermissions", ())):
        verdict = "NON_COMPLIANT"
        if parameters.get("fix"):
            boto3.client("ec2").revoke_security_group_ingress(
                GroupId=item["resourceId"], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    else:
        verdict = "COMPLIANT"
    post(event, item["resourceType"], item["resourceId"], verdict, item["configurationItemCaptureTime"])

def post(event, kind, resource, verdict, time):
    boto3.client("config").put_evaluations(ResultToken=event["resultToken"], Evaluations=[{
        "ComplianceResourceType": kind, "ComplianceResourceId": resource, "ComplianceType": verdict,
        "Annotation": f"port 22: {verdict}", "OrderingTimestamp": time}])
'''


def put_rule(
    sandbox: Sandbox, account: str, *, name: str = "ports", region: str = "us-east-1",
    messages: tuple[str, ...] = ("ConfigurationItemChangeNotification",), scope: dict[str, Any] | None = None,
    source: str = JUDGE, **parameters: str,
) -> None:
    """Deploy `source` and a rule that it judges."""
    made = deploy(sandbox, account, source, name=name, region=region)
    sandbox.client("lambda", account, region).add_permission(
        FunctionName=name, StatementId="config", Action="lambda:InvokeFunction", Principal="config.amazonaws.com")
    sandbox.client("config", account, region).put_config_rule(ConfigRule={
        "ConfigRuleName": name, "InputParameters": json.dumps(parameters),
        "Source": {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": made["FunctionArn"], "SourceDetails": [
            {"EventSource": "aws.config", "MessageType": message} for message in messages]},
        **({"Scope": scope} if scope != {} else {}),
        **({"Scope": {"ComplianceResourceTypes": [GROUP]}} if scope is None else {}),
    })


@pytest.fixture
def config(sandbox: Sandbox, account: str) -> Any:
    return sandbox.client("config", account)


def verdicts(config: Any, rule: str = "ports", *types: str) -> dict[str, str]:
    """The rule's verdict by resource."""
    pages = config.get_paginator("get_compliance_details_by_config_rule").paginate(
        ConfigRuleName=rule, **({"ComplianceTypes": list(types)} if types else {}))
    return {
        found["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]: found["ComplianceType"]
        for page in pages for found in page["EvaluationResults"]
    }


def told(sandbox: Sandbox, account: str, resource: str = "", name: str = "ports") -> list[dict[str, Any]]:
    """What the rule's function was told of a resource, the invoking event read."""
    events = [{**event, "invokingEvent": json.loads(event["invokingEvent"])}
              for event in printed(sandbox, account, name=name)]
    return [event for event in events if resource in json.dumps(event["invokingEvent"])]


def refused(call: Callable[..., Any], **parameters: Any) -> str:
    """The code of the error that `call` raises."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return str(caught.value.response["Error"]["Code"])


# -- a change is judged -----------------------------------------------------------------------------------------


def test_a_change_is_recorded_judged_and_read_back(sandbox: Sandbox, account: str, config: Any) -> None:
    start_recorder(sandbox, account)
    put_rule(sandbox, account)
    group = security_group(sandbox, account)
    sandbox.settle()
    assert verdicts(config)[group] == "COMPLIANT"

    open_port(sandbox, account, group, 22)
    sandbox.settle()

    assert verdicts(config)[group] == "NON_COMPLIANT"
    event = told(sandbox, account, group)[-1]
    rule = config.describe_config_rules(ConfigRuleNames=["ports"])["ConfigRules"][0]
    assert len(event.pop("resultToken")) > 100
    notification = event.pop("invokingEvent")
    assert event == {
        "version": "1.0", "ruleParameters": "{}", "eventLeftScope": False, "accountId": account,
        "executionRoleArn": f"arn:aws:iam::{account}:role/config", "configRuleName": "ports",
        "configRuleArn": rule["ConfigRuleArn"], "configRuleId": rule["ConfigRuleId"],
    }
    item = notification.pop("configurationItem")
    assert notification == {
        "configurationItemDiff": None, "messageType": "ConfigurationItemChangeNotification", "recordVersion": "1.3",
        "notificationCreationTime": notification["notificationCreationTime"],
    }
    [kept, first] = config.get_resource_config_history(resourceType=GROUP, resourceId=group)["configurationItems"]
    assert item["configuration"] == json.loads(kept["configuration"])
    assert (item["ARN"], item["awsAccountId"], item["configurationItemStatus"]) == (kept["arn"], account, "OK")
    assert str(item["configurationStateId"]) == kept["configurationStateId"]
    assert first["configurationItemStatus"] == "ResourceDiscovered"
    assert item["relationships"][0]["resourceType"] == "AWS::EC2::VPC"

    sandbox.client("ec2", account).delete_security_group(GroupId=group)
    sandbox.settle()
    assert group not in verdicts(config)
    assert verdicts(config, "ports", "NOT_APPLICABLE")[group] == "NOT_APPLICABLE"
    [gone, *_] = config.get_resource_config_history(resourceType=GROUP, resourceId=group)["configurationItems"]
    assert gone["configurationItemStatus"] == "ResourceDeleted"
    assert "configuration" not in gone
    assert told(sandbox, account, group)[-1]["invokingEvent"]["configurationItem"]["configuration"] is None


def test_what_a_function_changes_is_judged_again_and_the_history_tells_which_version_complied(
    sandbox: Sandbox, account: str, config: Any
) -> None:
    start_recorder(sandbox, account)
    put_rule(sandbox, account, fix="yes")
    group = security_group(sandbox, account)
    sandbox.settle()
    open_port(sandbox, account, group, 22)
    sandbox.settle()

    assert verdicts(config)[group] == "COMPLIANT"
    items = config.get_resource_config_history(
        resourceType=GROUP, resourceId=group, chronologicalOrder="Forward")["configurationItems"]
    assert [len(json.loads(item["configuration"])["ipPermissions"]) for item in items] == [0, 1, 0]
    judged = config.get_resource_config_history(
        resourceType="AWS::Config::ResourceCompliance", resourceId=f"{GROUP}/{group}",
    )["configurationItems"][::-1]
    rule = config.describe_config_rules(ConfigRuleNames=["ports"])["ConfigRules"][0]
    assert [json.loads(item["configuration"])["complianceType"] for item in judged] == [
        "COMPLIANT", "NON_COMPLIANT", "COMPLIANT"]
    assert json.loads(judged[1]["configuration"]) == {
        "complianceType": "NON_COMPLIANT", "targetResourceId": group, "targetResourceType": GROUP,
        "configRuleList": [{
            "configRuleArn": rule["ConfigRuleArn"], "configRuleId": rule["ConfigRuleId"], "configRuleName": "ports",
            "complianceType": "NON_COMPLIANT",
        }],
    }
    times = [item["configurationItemCaptureTime"] for pair in zip(items, judged, strict=True) for item in pair]
    assert times[0] < times[1] < times[2]
    assert times[1] < times[3]
    assert times[4] < times[5]
    assert all(time.microsecond % 1000 == 0 for time in times)


def test_a_new_rule_judges_what_is_there_and_can_be_asked_again(sandbox: Sandbox, account: str, config: Any) -> None:
    group = security_group(sandbox, account)
    open_port(sandbox, account, group, 22)
    start_recorder(sandbox, account)
    put_rule(sandbox, account)
    sandbox.settle()
    assert verdicts(config)[group] == "NON_COMPLIANT"

    config.delete_evaluation_results(ConfigRuleName="ports")
    assert verdicts(config) == {}
    config.start_config_rules_evaluation(ConfigRuleNames=["ports"])
    sandbox.settle()
    assert verdicts(config)[group] == "NON_COMPLIANT"
    assert refused(config.start_config_rules_evaluation, ConfigRuleNames=["x"]) == "NoSuchConfigRuleException"


def test_a_rule_on_a_schedule_is_told_when_it_is_put_and_on_request(
    sandbox: Sandbox, account: str, config: Any
) -> None:
    start_recorder(sandbox, account)
    put_rule(sandbox, account, messages=("ScheduledNotification",), scope={})
    sandbox.settle()
    assert verdicts(config) == {account: "COMPLIANT"}
    security_group(sandbox, account)
    config.start_config_rules_evaluation(ConfigRuleNames=["ports"])
    sandbox.settle()
    events = [event["invokingEvent"] for event in told(sandbox, account)]
    assert [event["messageType"] for event in events] == ["ScheduledNotification"] * 2
    assert set(events[0]) == {"awsAccountId", "messageType", "notificationCreationTime", "recordVersion"}


def test_a_scope_of_tags_and_of_one_resource(sandbox: Sandbox, account: str, config: Any) -> None:
    start_recorder(sandbox, account)
    ec2 = sandbox.client("ec2", account)
    one, other = security_group(sandbox, account, name="one"), security_group(sandbox, account, name="other")
    put_rule(sandbox, account, name="tagged", scope={"TagKey": "watch", "TagValue": "yes"})
    put_rule(
        sandbox, account, name="one", scope={"ComplianceResourceTypes": [GROUP], "ComplianceResourceId": one})
    ec2.create_tags(Resources=[other], Tags=[{"Key": "watch", "Value": "yes"}])
    sandbox.settle()
    assert verdicts(config, "tagged") == {other: "COMPLIANT"}
    assert verdicts(config, "one") == {one: "COMPLIANT"}

    ec2.delete_tags(Resources=[other], Tags=[{"Key": "watch"}])
    sandbox.settle()
    assert verdicts(config, "tagged") == {}
    assert told(sandbox, account, other, name="tagged")[-1]["eventLeftScope"] is True
    assert config.describe_config_rules(ConfigRuleNames=["tagged"])["ConfigRules"][0]["Scope"] == {
        "TagKey": "watch", "TagValue": "yes"}


def test_an_item_too_large_for_a_message_is_announced_by_a_summary(
    sandbox: Sandbox, account: str, config: Any
) -> None:
    start_recorder(sandbox, account)
    both = ("ConfigurationItemChangeNotification", "OversizedConfigurationItemChangeNotification")
    put_rule(sandbox, account, messages=both, scope={"ComplianceResourceTypes": [ROLE]})
    put_rule(sandbox, account, name="changes", scope={"ComplianceResourceTypes": [ROLE]})
    iam = sandbox.client("iam", account)
    document = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": [f"s3:Get{number:05}" for number in range(1000)], "Resource": "*"}]}
    iam.create_role(RoleName="large", AssumeRolePolicyDocument="{}")
    for number in range(20):
        iam.put_role_policy(RoleName="large", PolicyName=f"p{number}", PolicyDocument=json.dumps(document))
    sandbox.settle()

    role = iam.get_role(RoleName="large")["Role"]["RoleId"]
    message = told(sandbox, account, role)[-1]["invokingEvent"]
    assert message["messageType"] == "OversizedConfigurationItemChangeNotification"
    assert message["configurationItemSummary"]["changeType"] == "UPDATE"
    assert "configuration" not in message["configurationItemSummary"]
    [item, *_] = config.get_resource_config_history(resourceType=ROLE, resourceId=role)["configurationItems"]
    assert len(json.loads(item["configuration"])["rolePolicyList"]) == 20
    assert all("configurationItem" in event["invokingEvent"] for event in told(sandbox, account, role, name="changes"))


def test_a_function_that_fails_leaves_no_verdict_and_its_error_is_told(
    sandbox: Sandbox, account: str, config: Any
) -> None:
    start_recorder(sandbox, account)
    put_rule(sandbox, account, fail="yes")
    security_group(sandbox, account)
    sandbox.settle()
    assert verdicts(config) == {}
    [status] = config.describe_config_rule_evaluation_status()["ConfigRulesEvaluationStatus"]
    assert status["LastErrorMessage"] == "on purpose"
    assert status["LastErrorCode"]
    assert status["LastFailedInvocationTime"] >= status["FirstActivatedTime"]
    assert "LastSuccessfulInvocationTime" not in status
    [found] = config.describe_compliance_by_config_rule()["ComplianceByConfigRules"]
    assert found == {"ConfigRuleName": "ports", "Compliance": {"ComplianceType": "INSUFFICIENT_DATA"}}

    sandbox.client("lambda", account).delete_function(FunctionName="ports")
    security_group(sandbox, account, name="another")
    sandbox.settle()
    [status] = config.describe_config_rule_evaluation_status()["ConfigRulesEvaluationStatus"]
    assert status["LastErrorCode"] == "ResourceNotFoundException"


def test_a_rule_needs_a_function_that_config_may_invoke(sandbox: Sandbox, account: str, config: Any) -> None:
    arn = deploy(sandbox, account, JUDGE)["FunctionArn"]
    for function in (arn, f"{arn}x"):
        assert refused(config.put_config_rule, ConfigRule={
            "ConfigRuleName": "r", "Source": {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": function, "SourceDetails": [
                {"EventSource": "aws.config", "MessageType": "ScheduledNotification"}]},
        }) == "InsufficientPermissionsException"


def test_accounts_and_regions_are_apart(sandbox: Sandbox, account: str, other_account: str, config: Any) -> None:
    for owner, region in ((account, "us-east-1"), (account, "eu-west-1"), (other_account, "us-east-1")):
        start_recorder(sandbox, owner, region)
        put_rule(sandbox, owner, region=region)
    sandbox.settle()
    before = verdicts(config)
    group = security_group(sandbox, account, "eu-west-1")
    sandbox.settle()
    assert verdicts(sandbox.client("config", account, "eu-west-1"))[group] == "COMPLIANT"
    assert verdicts(config) == before
    assert group not in verdicts(sandbox.client("config", other_account))


# -- verdicts ---------------------------------------------------------------------------------------------------


def post(config: Any, token: str, count: int = 1, **more: Any) -> Any:
    return config.put_evaluations(ResultToken=token, **more, Evaluations=[
        {"ComplianceResourceType": GROUP, "ComplianceResourceId": f"sg-{number:03}", "ComplianceType": "COMPLIANT",
         "OrderingTimestamp": 1000} for number in range(count)])


def token_of(sandbox: Sandbox, account: str) -> str:
    """A token that an invocation of a new rule had."""
    put_rule(sandbox, account, messages=("ScheduledNotification",))
    sandbox.client("config", account).start_config_rules_evaluation(ConfigRuleNames=["ports"])
    sandbox.settle()
    [event] = told(sandbox, account)
    return str(event["resultToken"])


def test_verdicts_need_a_token_that_an_invocation_had(
    sandbox: Sandbox, account: str, other_account: str, config: Any
) -> None:
    put_rule(sandbox, account, messages=("ScheduledNotification",))
    config.start_config_rules_evaluation(ConfigRuleNames=["ports"])
    sandbox.settle()
    [event] = told(sandbox, account)
    post(config, event["resultToken"])
    assert verdicts(config)["sg-000"] == "COMPLIANT"
    assert refused(post, config=config, token="invented") == "InvalidResultTokenException"
    elsewhere = sandbox.client("config", other_account)
    assert refused(post, config=elsewhere, token=event["resultToken"]) == "InvalidResultTokenException"
    assert post(config, "invented", TestMode=True)["FailedEvaluations"] == []

    config.delete_config_rule(ConfigRuleName="ports")
    assert refused(post, config=config, token=event["resultToken"]) == "InvalidResultTokenException"
    assert refused(verdicts, config=config) == "NoSuchConfigRuleException"


def test_verdicts_have_limits_an_order_and_pages(sandbox: Sandbox, account: str, config: Any) -> None:
    token = token_of(sandbox, account)
    config.delete_evaluation_results(ConfigRuleName="ports")
    assert refused(post, config=config, token=token, count=101) == "ValidationException"
    evaluation = {"ComplianceResourceType": GROUP, "ComplianceResourceId": "sg-005", "ComplianceType": "NON_COMPLIANT"}
    assert refused(config.put_evaluations, ResultToken=token, Evaluations=[
        {**evaluation, "OrderingTimestamp": 1, "Annotation": "x" * 257}]) == "ValidationException"
    post(config, token, 60)
    for seconds, verdict in ((999, "COMPLIANT"), (1000, "NON_COMPLIANT"), (999, "NON_COMPLIANT")):
        config.put_evaluations(ResultToken=token, Evaluations=[
            {**evaluation, "OrderingTimestamp": seconds, "Annotation": str(seconds)}])
        assert verdicts(config)["sg-005"] == verdict
    assert len(verdicts(config)) == 60
    first = config.get_compliance_details_by_config_rule(ConfigRuleName="ports")
    assert len(first["EvaluationResults"]) == 10
    assert len(config.get_compliance_details_by_config_rule(
        ConfigRuleName="ports", Limit=100)["EvaluationResults"]) == 60
    assert refused(config.get_compliance_details_by_config_rule, ConfigRuleName="ports", NextToken="x") == (
        "InvalidNextTokenException")
    assert verdicts(config, "ports", "NON_COMPLIANT") == {"sg-005": "NON_COMPLIANT"}

    [one] = config.get_compliance_details_by_resource(ResourceType=GROUP, ResourceId="sg-005")["EvaluationResults"]
    assert (one["ComplianceType"], one["Annotation"]) == ("NON_COMPLIANT", "1000")
    [by_rule] = config.describe_compliance_by_config_rule(ConfigRuleNames=["ports"])["ComplianceByConfigRules"]
    assert by_rule["Compliance"] == {"ComplianceType": "NON_COMPLIANT", "ComplianceContributorCount": {
        "CappedCount": 1, "CapExceeded": False}}
    assert config.describe_compliance_by_config_rule(ComplianceTypes=["COMPLIANT"])["ComplianceByConfigRules"] == []
    [worst] = config.describe_compliance_by_resource(
        ResourceType=GROUP, ComplianceTypes=["NON_COMPLIANT"])["ComplianceByResources"]
    assert worst["ResourceId"] == "sg-005"
    everyone = config.get_paginator("describe_compliance_by_resource").paginate(ResourceType=GROUP)
    assert len(everyone.build_full_result()["ComplianceByResources"]) == 60
    assert refused(config.describe_compliance_by_config_rule, ConfigRuleNames=["x"]) == "NoSuchConfigRuleException"
