"""A rule and a function of ours, as a deployment makes them, and the requests in the records of that deployment."""
from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from tests.moto_server import ACCOUNT, REGION

NAME = "custodian-x"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{NAME}"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}"
ACTION = {
    "type": "restore-own-resource", "rules": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/custodian-*"],
    "functions": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:custodian-*"],
    "added-by": [f"arn:aws:iam::{ACCOUNT}:role/guardrails-deploy"],
}
PERMISSION = {
    "functionName": FUNCTION, "statementId": NAME, "action": "lambda:InvokeFunction",
    "principal": "events.amazonaws.com", "sourceArn": RULE,
}
TARGET = {"rule": NAME, "targets": [{"id": NAME, "arn": FUNCTION}]}


def deploy(client: Callable[[str], Any]) -> None:
    """Create the function with its role, and the rule. `client` returns the boto3 client of a service."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "")
    role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    client("lambda").create_function(
        FunctionName=NAME, Runtime="python3.12", Role=role["Role"]["Arn"], Handler="f.f",
        Code={"ZipFile": code.getvalue()})
    client("events").put_rule(Name=NAME, EventPattern='{"source": ["aws.ec2"]}')
