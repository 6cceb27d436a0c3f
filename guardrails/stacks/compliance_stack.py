"""The compliance topic of an account and region, as a CloudFormation template, with the rule that feeds it.

Functions' alerts and AWS Config's evaluations go to one topic. The mailer and the responder subscribe to it.

The topic is encrypted only with a key that a parameter names: AWS's own key for SNS, `alias/aws/sns`, does not let
EventBridge publish, and its policy cannot be changed. The policy of your own key must let `events.amazonaws.com` and
the functions' roles use `kms:GenerateDataKey*` and `kms:Decrypt`.

Source: EventBridge's guide, "Using resource-based policies", for the topic policy's statements.

A queue keeps what EventBridge cannot deliver and what the responder failed to handle, for two weeks.
"""
from __future__ import annotations

from typing import Any

from custom_actions.names import FAILED_QUEUE, FUNCTION_PREFIX, MEMBER_ROLE, TOPIC

from .parts import TAGS, Template, queue, template

# The responder acts on events in alerts, so every principal that may publish to the topic can make it act.
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
            "Type": "String", "Default": "account", "AllowedValues": ["account", "functions"],
            "Description": "account: every principal that IAM allows may publish. functions: only roles named "
                           f"guardrails* or {FUNCTION_PREFIX}*.",
        },
        "SubscriberAccount": {
            "Type": "String", "Default": "", "AllowedPattern": "(\\d{12})?",
            "Description": "Another account whose mailer may subscribe. Empty: none.",
        },
        "OrganizationId": {
            "Type": "String", "Default": "", "AllowedPattern": "(o-[a-z0-9]{10,32})?",
            "Description": f"In the hub of a central deployment: the organization whose {MEMBER_ROLE} roles may "
                           "publish. Empty: none.",
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
                ("Central", _MEMBERS), ("Subscribed", _SUBSCRIBER), ("FunctionsOnly", _FUNCTIONS_ONLY)))]},
        }},
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
        "Central": {"Fn::Not": [{"Fn::Equals": [{"Ref": "OrganizationId"}, ""]}]},
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
_MEMBERS: dict[str, Any] = {
    "Sid": "Members", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sns:Publish",
    "Resource": {"Ref": "Topic"},
    "Condition": {
        "StringEquals": {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}},
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
