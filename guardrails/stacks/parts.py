"""What all CloudFormation templates share."""
from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from custom_actions.names import PROJECT, PROJECT_TAG

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


def queue(name: str, **properties: Any) -> dict[str, Any]:
    """A queue that keeps messages for two weeks, SQS's maximum, and is deleted with its stack."""
    return {"Type": "AWS::SQS::Queue", "UpdateReplacePolicy": "Delete", "DeletionPolicy": "Delete", "Properties": {
        "QueueName": name, "MessageRetentionPeriod": _TWO_WEEKS, "SqsManagedSseEnabled": True, "Tags": TAGS,
        **properties,
    }}
