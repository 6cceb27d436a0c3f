"""A rule that judges otherwise than before says so on the account's bus, and a template's topic hears of it."""
from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardrails.sandbox import Sandbox
from tests.sandbox.conftest import deploy, eventually, open_port, printed, security_group, start_recorder
from tests.sandbox.test_config_rules import put_rule

LISTENER = '''
import json

def run(event, context):
    for record in event["Records"]:
        print(json.dumps(json.loads(record["Sns"]["Message"])))
'''
TEMPLATE = {"Resources": {
    "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "heard"}},
    "Rule": {"Type": "AWS::Events::Rule", "Properties": {
        "EventPattern": {"source": ["aws.config"], "detail-type": ["Config Rules Compliance Change"]},
        "Targets": [{"Id": "topic", "Arn": {"Ref": "Topic"}}]}},
}}


def test_a_change_of_a_verdict_goes_through_a_stacks_topic_to_a_function(sandbox: Sandbox, account: str) -> None:
    stacks = sandbox.client("cloudformation", account)
    stacks.create_stack(StackName="heard", TemplateBody=json.dumps(TEMPLATE))
    stacks.get_waiter("stack_create_complete").wait(StackName="heard", WaiterConfig={"Delay": 1})
    listener = deploy(sandbox, account, LISTENER, name="listener")["FunctionArn"]
    topic = f"arn:aws:sns:us-east-1:{account}:heard"
    sandbox.client("sns", account).subscribe(TopicArn=topic, Protocol="lambda", Endpoint=listener)
    start_recorder(sandbox, account)
    put_rule(sandbox, account)
    group = security_group(sandbox, account)
    sandbox.settle()

    open_port(sandbox, account, group, 22)
    sandbox.settle()
    sandbox.client("ec2", account).create_tags(Resources=[group], Tags=[{"Key": "judged", "Value": "again"}])
    sandbox.settle()

    def of_the_group() -> list[dict[str, Any]]:
        return [event for event in printed(sandbox, account, name="listener")
                if event["detail"]["resourceId"] == group]

    # The third item is as bad as the second: nothing has changed.
    first, second = eventually(lambda: found if len(found := of_the_group()) == 2 else [])
    assert {first["detail"]["newEvaluationResult"]["complianceType"],
            second["detail"]["newEvaluationResult"]["complianceType"]} == {"COMPLIANT", "NON_COMPLIANT"}
    [bad] = [each for each in (first, second) if "oldEvaluationResult" in each["detail"]]
    assert (bad["source"], bad["detail-type"], bad["account"], bad["region"]) == (
        "aws.config", "Config Rules Compliance Change", account, "us-east-1")
    detail = bad["detail"]
    assert (detail["configRuleName"], detail["resourceType"], detail["messageType"]) == (
        "ports", "AWS::EC2::SecurityGroup", "ComplianceChangeNotification")
    assert detail["newEvaluationResult"]["annotation"] == "port 22: NON_COMPLIANT"
    assert detail["oldEvaluationResult"]["complianceType"] == "COMPLIANT"


def test_nobody_else_speaks_for_a_service(sandbox: Sandbox, account: str) -> None:
    answer = sandbox.client("events", account).put_events(
        Entries=[{"Source": "aws.config", "DetailType": "Config Rules Compliance Change", "Detail": "{}"}])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    with pytest.raises(ClientError):
        sandbox.client("cloudformation", account).describe_stacks(StackName="another-accounts")
