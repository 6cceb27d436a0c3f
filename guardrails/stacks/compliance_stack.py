"""The compliance topic of an account and region, as a CloudFormation template, and what leads to it.

Functions' alerts and AWS Config's verdicts go to one topic. Who mails, chats, or fixes (the responder) subscribes to
it.

The topic is encrypted only with a key that a parameter names: AWS's own key for SNS, `alias/aws/sns`, does not let
EventBridge publish, and its policy cannot be changed. A key of the account's needs a policy that lets
`events.amazonaws.com` and the functions' roles use `kms:GenerateDataKey*` and `kms:Decrypt`.

Source: EventBridge's guide, "Using resource-based policies", for what its statements may say.

What EventBridge cannot deliver and what the responder has failed at is kept in a queue, for two weeks.
"""
from __future__ import annotations

from typing import Any

from custom_actions.names import FAILED_QUEUE, FUNCTION_PREFIX, MEMBER_ROLE, TOPIC

from .parts import TAGS, Template, queue, template

# An event in an alert is taken as EventBridge's would be, so with a responder to publish is to have it act.
_NOBODY_ELSE: dict[str, Any] = {
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
    return template("Where aws-guardrails tells what does not comply: a topic, and AWS Config's verdicts to it.", {
        "KmsKeyId": {
            "Type": "String", "Default": "",
            "Description": "A key of this account that events.amazonaws.com may use; empty: not encrypted.",
        },
        "Publishers": {
            "Type": "String", "Default": "account", "AllowedValues": ["account", "functions"],
            "Description": f"Who may publish: whom IAM lets, or roles named guardrails* and {FUNCTION_PREFIX}* alone.",
        },
        "SubscriberAccount": {
            "Type": "String", "Default": "", "AllowedPattern": "(\\d{12})?",
            "Description": "The account whose mailer may subscribe; empty: this one's alone.",
        },
        "OrganizationId": {
            "Type": "String", "Default": "", "AllowedPattern": "(o-[a-z0-9]{10,32})?",
            "Description": f"For the hub of a central deployment: whose {MEMBER_ROLE} may tell; empty: nobody's.",
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
                ("Central", _MEMBERS), ("Subscribed", _SUBSCRIBER), ("FunctionsOnly", _NOBODY_ELSE)))]},
        }},
        "Verdicts": {"Type": "AWS::Events::Rule", "DependsOn": ["TopicPolicy", "FailedPolicy"], "Properties": {
            "Name": TOPIC,
            "Description": "What AWS Config finds not compliant with a rule of aws-guardrails.",
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
"""Which verdicts go to the topic: c7n gives a policy's rule the name of its function."""


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


# Without a condition: EventBridge gives SNS nothing to compare, and a condition would never hold. What another account
# sends here is looked at as any other message is.
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
