"""What all CloudFormation templates share."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from custom_actions.names import (
    EVENTS_QUEUE,
    FUNCTION_PREFIX,
    PROJECT,
    PROJECT_TAG,
    REDELIVERY_PREFIX,
    REDELIVERY_ROLE,
    STATE_TABLE,
)

Template = dict[str, Any]
TAGS = [{"Key": PROJECT_TAG, "Value": PROJECT}]
_TWO_WEEKS = 14 * 24 * 3600

LAMBDA_MAY_ASSUME = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        # Also in China: the principal of Lambda has the same name there.
        "Principal": {"Service": "lambda.amazonaws.com"},
    }],
}


def template(
    description: str, parameters: Mapping[str, Any], resources: Mapping[str, Any], outputs: Mapping[str, Any],
    conditions: Mapping[str, Any] = MappingProxyType({}),
) -> Template:
    """A CloudFormation template of these parts; empty parts are left out."""
    parts = {"Parameters": parameters, "Conditions": conditions, "Resources": resources, "Outputs": outputs}
    return {
        "AWSTemplateFormatVersion": "2010-09-09", "Description": description,
        **{name: dict(part) for name, part in parts.items() if part},
    }


def named(parameter: str) -> dict[str, Any]:
    """A condition: whether the parameter, a string, is not empty."""
    return {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}


def organization(description: str) -> dict[str, Any]:
    """A parameter for the id of an organization; empty for none."""
    return {"Type": "String", "Default": "", "AllowedPattern": "(o-[a-z0-9]{10,32})?", "Description": description}


def account_ids(description: str) -> dict[str, Any]:
    """A parameter for account ids, separated by commas; empty for none."""
    return {
        "Type": "String", "Default": "", "AllowedPattern": "(\\d{12}(,\\d{12})*)?", "Description": description}


BY_ORGANIZATION, BY_ACCOUNT = "ByOrganization", "ByAccount"
"""The conditions of a stack in a hub: whether its members are those of an organization, or listed accounts."""
OF_MEMBERS = {BY_ORGANIZATION: named("OrganizationId"), BY_ACCOUNT: named("MemberAccounts")}
MEMBERS: Mapping[str, tuple[str, Any]] = MappingProxyType({
    BY_ORGANIZATION: ("OrgID", {"Ref": "OrganizationId"}),
    BY_ACCOUNT: ("Account", {"Fn::Split": [",", {"Ref": "MemberAccounts"}]}),
})
"""By condition: the end of the condition keys (`aws:PrincipalOrgID`, `aws:ResourceAccount`), and the values."""


def redelivery_role(**more: Any) -> dict[str, Any]:
    """The role with which EventBridge Scheduler delivers an event to a function again.

    A role belongs to all regions, and a schedule can only start functions of its own region. `more`: other attributes
    of the resource, such as its condition.
    """
    return {"Type": "AWS::IAM::Role", **more, "Properties": {
        "RoleName": REDELIVERY_ROLE,
        "Description": "Lets EventBridge Scheduler deliver an event again to a function of aws-guardrails",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "scheduler.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        }]},
        "Policies": [{"PolicyName": "calls", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "lambda:InvokeFunction",
            "Resource": {"Fn::Sub": "arn:${AWS::Partition}:lambda:*:${AWS::AccountId}:function:" + FUNCTION_PREFIX
                         + "*"},
        }]}}],
        "Tags": TAGS,
    }}


def may_redeliver() -> list[dict[str, Any]]:
    """The statements that let a function have an event delivered to itself again."""
    return [
        {"Effect": "Allow", "Action": "scheduler:CreateSchedule",
         "Resource": {"Fn::Sub": "arn:${AWS::Partition}:scheduler:*:${AWS::AccountId}:schedule/default/"
                      + REDELIVERY_PREFIX + "*"}},
        {"Effect": "Allow", "Action": "iam:PassRole",
         "Resource": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/" + REDELIVERY_ROLE},
         "Condition": {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}},
    ]


def may_share(calls: Sequence[str]) -> list[dict[str, Any]]:
    """The statements that let realtime functions use their dead-letter queue, and make `calls` on their state table."""
    at = "${AWS::Region}:${AWS::AccountId}:"
    return [
        {"Effect": "Allow", "Action": "sqs:SendMessage",
         "Resource": {"Fn::Sub": f"arn:${{AWS::Partition}}:sqs:{at}{EVENTS_QUEUE}"}},
        {"Effect": "Allow", "Action": list(calls),
         "Resource": {"Fn::Sub": f"arn:${{AWS::Partition}}:dynamodb:{at}table/{STATE_TABLE}"}},
    ]


def queue(name: str, **properties: Any) -> dict[str, Any]:
    """A queue that keeps messages for two weeks, SQS's maximum, and is deleted with its stack."""
    return {"Type": "AWS::SQS::Queue", "UpdateReplacePolicy": "Delete", "DeletionPolicy": "Delete", "Properties": {
        "QueueName": name, "MessageRetentionPeriod": _TWO_WEEKS, "SqsManagedSseEnabled": True, "Tags": TAGS,
        **properties,
    }}
