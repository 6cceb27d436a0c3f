"""The compliance topic of an account and region, as a CloudFormation template, with the rule that feeds it.

Functions' alerts and AWS Config's evaluations go to one topic. The mailer and the responder subscribe to it.

The topic is encrypted only with a key that a parameter names: AWS's own key for SNS, `alias/aws/sns`, does not let
EventBridge publish, and its policy cannot be changed. The policy of your own key must let `events.amazonaws.com` and
the functions' roles use `kms:GenerateDataKey*` and `kms:Decrypt`.

Source: EventBridge's guide, "Using resource-based policies", for the topic policy's statements.

A queue keeps what EventBridge cannot deliver and what the responder failed to handle, for two weeks.

The stack also has the role with which EventBridge Scheduler delivers an event to a function again, until CloudTrail's
event history confirms it. A role belongs to all regions of an account, so the stack of one region makes it.
"""
from __future__ import annotations

from typing import Any

from custom_actions.names import FAILED_QUEUE, FUNCTION_PREFIX, MEMBER_ROLE, REDELIVERY_ROLE, TOPIC

from .parts import MEMBERS, OF_MEMBERS, TAGS, Template, account_ids, organization, queue, redelivery_role, template

# Whoever may publish to the topic decides what people read, and which resources the responder looks at again.
_FUNCTIONS_ONLY: dict[str, Any] = {
    "Sid": "FunctionsOnly", "Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": {"Ref": "Topic"},
    "Condition": {
        "Bool": {"aws:PrincipalIsAWSService": "false"},
        "ArnNotLike": {"aws:PrincipalArn": [
            {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::*:role/{names}"}
            for names in ("guardrails*", f"{FUNCTION_PREFIX}*")]},
    },
}


def compliance() -> Template:
    """The template, for a stack in each account and region where functions are deployed."""
    return template("aws-guardrails: the topic for alerts and for AWS Config's evaluations that are not compliant.", {
        "KmsKeyId": {
            "Type": "String", "Default": "",
            "Description": "A KMS key of this account that events.amazonaws.com may use. Empty: no encryption.",
        },
        "Publishers": {
            "Type": "String", "Default": "functions", "AllowedValues": ["account", "functions"],
            "Description": f"functions: only roles named guardrails* or {FUNCTION_PREFIX}* may publish. account: every "
                           "principal that IAM allows; doctor reports that as broken.",
        },
        "SubscriberAccount": {
            "Type": "String", "Default": "", "AllowedPattern": "(\\d{12})?",
            "Description": "Another account whose mailer may subscribe. Empty: none.",
        },
        "OrganizationId": organization(
            f"In the hub of a central deployment: the organization whose {MEMBER_ROLE} roles may publish."),
        "MemberAccounts": account_ids(
            f"The same by account: the ids of accounts whose {MEMBER_ROLE} roles may publish, separated by commas."),
        "HomeRegion": {
            "Type": "String", "Default": "",
            "Description": f"In several regions: the one whose stack creates the role {REDELIVERY_ROLE}. Empty: this "
                           "one. In a hub: the hub's region, whose stack has the role already.",
        },
    }, {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {
            "TopicName": TOPIC,
            "KmsMasterKeyId": {"Fn::If": ["Encrypted", {"Ref": "KmsKeyId"}, {"Ref": "AWS::NoValue"}]},
            "Tags": TAGS,
        }},
        "TopicPolicy": {"Type": "AWS::SNS::TopicPolicy", "Properties": {
            "Topics": [{"Ref": "Topic"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [_VERDICTS, {
                "Sid": "Account", "Effect": "Allow",
                "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
                "Action": ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes",
                           "sns:ListSubscriptionsByTopic"],
                "Resource": {"Ref": "Topic"},
            }, *({"Fn::If": [condition, statement, {"Ref": "AWS::NoValue"}]} for condition, statement in (
                *((condition, _members(condition)) for condition in MEMBERS),
                ("Subscribed", _SUBSCRIBER), ("FunctionsOnly", _FUNCTIONS_ONLY)))]},
        }},
        "RedeliveryRole": redelivery_role(Condition="Redelivers"),
        "Verdicts": {"Type": "AWS::Events::Rule", "DependsOn": ["TopicPolicy", "FailedPolicy"], "Properties": {
            "Name": TOPIC,
            "Description": "Sends resources that AWS Config finds not compliant with a rule of aws-guardrails.",
            "EventPattern": PATTERN,
            "Targets": [{
                "Id": "topic", "Arn": {"Ref": "Topic"},
                "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Failed", "Arn"]}},
            }],
        }},
        "Failed": queue(FAILED_QUEUE),
        "FailedPolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {
            "Queues": [{"Ref": "Failed"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [_FAILED]},
        }},
    }, {
        "TopicArn": {"Value": {"Ref": "Topic"}},
        "FailedQueueArn": {"Value": {"Fn::GetAtt": ["Failed", "Arn"]}},
    }, conditions={
        "Encrypted": {"Fn::Not": [{"Fn::Equals": [{"Ref": "KmsKeyId"}, ""]}]},
        "Subscribed": {"Fn::Not": [{"Fn::Equals": [{"Ref": "SubscriberAccount"}, ""]}]},
        "FunctionsOnly": {"Fn::Equals": [{"Ref": "Publishers"}, "functions"]},
        **OF_MEMBERS,
        "Redelivers": {"Fn::And": [
            {"Fn::Or": [{"Fn::Equals": [{"Ref": "HomeRegion"}, ""]},
                        {"Fn::Equals": [{"Ref": "HomeRegion"}, {"Ref": "AWS::Region"}]}]},
            # There it is part of the hub's own stack.
            {"Fn::Not": [{"Fn::Or": [{"Condition": condition} for condition in OF_MEMBERS]}]},
        ]},
    })


PATTERN: dict[str, Any] = {
    "source": ["aws.config"],
    "detail-type": ["Config Rules Compliance Change"],
    "detail": {
        "messageType": ["ComplianceChangeNotification"],
        "configRuleName": [{"prefix": FUNCTION_PREFIX}],
        "newEvaluationResult": {"complianceType": ["NON_COMPLIANT"]},
    },
}
"""The evaluations that go to the topic; c7n gives a policy's Config rule the name of its function."""


_SUBSCRIBER: dict[str, Any] = {
    "Sid": "Subscriber", "Effect": "Allow", "Action": "sns:Subscribe", "Resource": {"Ref": "Topic"},
    "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${SubscriberAccount}:root"}},
    "Condition": {"StringEquals": {"sns:Protocol": "sqs"}},
}


def _members(condition: str) -> dict[str, Any]:
    """The statement that lets the members' role publish."""
    key, values = MEMBERS[condition]
    return {
        "Sid": condition, "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sns:Publish",
        "Resource": {"Ref": "Topic"},
        "Condition": {
            "StringEquals": {f"aws:Principal{key}": values},
            "ArnLike": {"aws:PrincipalArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::*:role/{MEMBER_ROLE}"}},
        },
    }


# Without a condition: EventBridge passes no values to SNS, so a condition would never match. Messages from another
# account are checked like any other message.
_VERDICTS: dict[str, Any] = {
    "Sid": "EventBridge", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sns:Publish", "Resource": {"Ref": "Topic"},
}
_FAILED: dict[str, Any] = {
    "Sid": "EventBridge", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Failed", "Arn"]},
    "Condition": {"ArnEquals": {"aws:SourceArn": {
        "Fn::Sub": f"arn:${{AWS::Partition}}:events:${{AWS::Region}}:${{AWS::AccountId}}:rule/{TOPIC}"}}},
}
