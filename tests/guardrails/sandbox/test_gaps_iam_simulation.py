"""SimulatePrincipalPolicy, which moto lacks, as AWS documents it."""
from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import Moto


def statement(effect: str, action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def iam(moto: Moto) -> Any:
    return moto.client("iam")


def decisions(iam: Any, arn: str, *actions: str, **more: Any) -> dict[str, str]:
    results = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=list(actions), **more)["EvaluationResults"]
    return {result["EvalActionName"]: result["EvalDecision"] for result in results}


def test_inline_and_attached_policies_decide_and_a_deny_is_the_last_word(iam: Any) -> None:
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="inline", PolicyDocument=document(
        statement("Allow", ["ec2:Describe*", "s3:GetObject"]), statement("Deny", "ec2:DescribeVpcs")))
    policy = iam.create_policy(PolicyName="p", PolicyDocument=document(
        statement("Allow", "sns:Publish", "arn:aws:sns:*:*:t"),
        statement("Allow", "sqs:*", Condition={"Bool": {"aws:SecureTransport": "true"}})))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="r", PolicyArn=policy)
    assert decisions(
        iam, arn, "EC2:describeinstances", "ec2:DescribeVpcs", "s3:PutObject", "sns:Publish", "sqs:SendMessage",
    ) == {"EC2:describeinstances": "allowed", "ec2:DescribeVpcs": "explicitDeny", "s3:PutObject": "implicitDeny",
          "sns:Publish": "implicitDeny", "sqs:SendMessage": "implicitDeny"}
    assert decisions(iam, arn, "sns:Publish", ResourceArns=["arn:aws:sns:eu-west-1:1:t"]) == {"sns:Publish": "allowed"}
    [result] = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["sqs:SendMessage"])["EvaluationResults"]
    assert result["MissingContextValues"] == ["aws:SecureTransport"]


def test_a_boundary_takes_away_and_a_group_gives(iam: Any) -> None:
    arn = iam.create_user(UserName="u")["User"]["Arn"]
    iam.create_group(GroupName="g")
    iam.put_group_policy(GroupName="g", PolicyName="all", PolicyDocument=document(statement("Allow", "*")))
    assert decisions(iam, arn, "s3:GetObject") == {"s3:GetObject": "implicitDeny"}
    iam.add_user_to_group(GroupName="g", UserName="u")
    assert decisions(iam, arn, "s3:GetObject") == {"s3:GetObject": "allowed"}
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=document(statement("Allow", "ec2:*")))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="u", PermissionsBoundary=boundary)
    assert decisions(iam, arn, "s3:GetObject", "ec2:RunInstances") == {
        "s3:GetObject": "implicitDeny", "ec2:RunInstances": "allowed"}


def test_who_is_not_there_is_refused(iam: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchEntity"):
        decisions(iam, "arn:aws:iam::123456789012:role/none", "s3:GetObject")
