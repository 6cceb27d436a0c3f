"""The queue from which c7n-mailer reads the policies' notifications, as a CloudFormation template.

The compliance topic also carries AWS Config's evaluations, on which the mailer would fail. Only messages with the
attribute that `notify` sets reach its queue, exactly as `notify` wrote them. A message that the mailer could not send
in five attempts is kept in a second queue for two weeks.

Everyone who can publish to the topic controls the mailer's recipients and text. So the queue accepts messages only from
topics of the named accounts, and the role sends from one address only.
"""
from __future__ import annotations

from typing import Any

from c7n.actions import Notify

from custom_actions.names import MAILER, TOPIC

from .parts import LAMBDA_MAY_ASSUME, TAGS, Template, queue, template


def mailer() -> Template:
    """The template, for a stack where the mailer runs. Its role has a name, so it needs CAPABILITY_NAMED_IAM."""
    return template("aws-guardrails: the queue and the role of c7n-mailer, which sends the alerts.", {
        "FromAddress": {
            "Type": "String", "AllowedPattern": "[^@ ]+@[^@ ]+",
            "Description": "The address from which mail is sent, verified in SES; from_address in mailer.yml.",
        },
        "SourceAccounts": {
            "Type": "CommaDelimitedList", "Default": "",
            "Description": "Other accounts whose compliance topics may send messages to the queue.",
        },
        "KmsKeyArn": {
            "Type": "String", "Default": "",
            "Description": "The KMS key that encrypts the secrets in mailer.yml. Empty: there are no secrets.",
        },
    }, {
        "Queue": queue(
            MAILER,
            # Longer than a run of the mailer, which receives several messages at once.
            VisibilityTimeout=600,
            RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": ["Failed", "Arn"]}, "maxReceiveCount": 5},
        ),
        "Failed": queue(f"{MAILER}-failed"),
        "QueuePolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {
            "Queues": [{"Ref": "Queue"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                _send("Own", {"Ref": "AWS::AccountId"}),
                {"Fn::If": ["OtherAccounts", _send("Others", {"Ref": "SourceAccounts"}), {"Ref": "AWS::NoValue"}]},
            ]},
        }},
        "Subscription": {"Type": "AWS::SNS::Subscription", "DependsOn": "QueuePolicy", "Properties": {
            "TopicArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:sns:${{AWS::Region}}:${{AWS::AccountId}}:{TOPIC}"},
            "Protocol": "sqs",
            "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]},
            "RawMessageDelivery": True,
            "FilterPolicy": {"mtype": [Notify.C7N_DATA_MESSAGE]},
        }},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {
            "RoleName": MAILER,
            "Description": "Permissions of c7n-mailer.",
            "AssumeRolePolicyDocument": LAMBDA_MAY_ASSUME,
            "ManagedPolicyArns": [
                {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}],
            "Policies": [{"PolicyName": "mailer", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                 "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}},
                {"Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*",
                 "Condition": {"StringEquals": {"ses:FromAddress": {"Ref": "FromAddress"}}}},
                {"Fn::If": [
                    "Secrets", {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": {"Ref": "KmsKeyArn"}},
                    {"Ref": "AWS::NoValue"}]},
            ]}}],
            "Tags": TAGS,
        }},
    }, {
        "QueueUrl": {"Value": {"Ref": "Queue"}, "Description": "queue_url in mailer.yml."},
        "QueueArn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}},
        "RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}, "Description": "role in mailer.yml."},
    }, conditions={
        "OtherAccounts": {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "SourceAccounts"}]}, ""]}]},
        "Secrets": {"Fn::Not": [{"Fn::Equals": [{"Ref": "KmsKeyArn"}, ""]}]},
    })


def _send(sid: str, accounts: Any) -> dict[str, Any]:
    """The statement that lets the compliance topics of these accounts send to the queue, from any region."""
    return {
        "Sid": sid, "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
        "Condition": {
            "StringEquals": {"aws:SourceAccount": accounts},
            "ArnLike": {"aws:SourceArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:sns:*:*:{TOPIC}"}},
        },
    }
