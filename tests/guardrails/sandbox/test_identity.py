"""The right account and principal for every kind of key, in STS and in the CloudTrail record."""
from __future__ import annotations

from typing import Any

import boto3
import pytest

from guardrails.sandbox import Sandbox

from .conftest import security_group


def client(sandbox: Sandbox, service: str, key: str, token: str | None = None) -> Any:
    return boto3.Session(key, "secret", token).client(service, "us-east-1", endpoint_url=sandbox.endpoint)


def last_identity(sandbox: Sandbox, account: str) -> dict:
    return sandbox.events(account)[-1]["userIdentity"]


def test_digits_are_the_administrator_of_that_account(sandbox: Sandbox, account: str) -> None:
    caller = sandbox.client("sts", account).get_caller_identity()
    assert caller["Account"] == account
    assert caller["Arn"] == f"arn:aws:iam::{account}:user/admin"

    security_group(sandbox, account)
    identity = last_identity(sandbox, account)
    assert identity["type"] == "IAMUser"
    assert identity["userName"] == "admin"
    assert identity["accountId"] == account
    assert identity["principalId"] == caller["UserId"]
    assert sandbox.client("iam", account).list_users()["Users"] == []  # the account is empty all the same


@pytest.mark.parametrize("key", ["testing", "AKIAIOSFODNN7EXAMPLE"])
def test_an_unknown_key_is_the_default_accounts_administrator(sandbox: Sandbox, key: str) -> None:
    caller = client(sandbox, "sts", key).get_caller_identity()
    assert (caller["Account"], caller["Arn"]) == ("123456789012", "arn:aws:iam::123456789012:user/admin")


def test_an_assumed_role_is_that_role_in_its_own_account(sandbox: Sandbox, account: str, other_account: str) -> None:
    role = f"arn:aws:iam::{other_account}:role/team/auditor"
    assumed = sandbox.client("sts", account).assume_role(RoleArn=role, RoleSessionName="look")["Credentials"]
    keys = assumed["AccessKeyId"], assumed["SessionToken"]

    caller = client(sandbox, "sts", *keys).get_caller_identity()
    assert caller["Account"] == other_account
    assert caller["Arn"] == f"arn:aws:sts::{other_account}:assumed-role/auditor/look"

    client(sandbox, "ec2", *keys).create_security_group(GroupName="theirs", Description="x")
    client(sandbox, "sqs", *keys).create_queue(QueueName="theirs")
    identity = last_identity(sandbox, other_account)
    assert identity["type"] == "AssumedRole"
    assert identity["arn"] == caller["Arn"]
    assert identity["principalId"].endswith(":look")
    issuer = identity["sessionContext"]["sessionIssuer"]
    assert issuer["type"] == "Role"
    assert (issuer["arn"], issuer["accountId"], issuer["userName"]) == (role, other_account, "auditor")
    assert identity["sessionContext"]["attributes"]["mfaAuthenticated"] == "false"
    assert sandbox.events(account) == []
    assert sandbox.client("sqs", account).list_queues()["QueueUrls"] == []
    assert len(sandbox.client("sqs", other_account).list_queues()["QueueUrls"]) == 1


def test_an_iam_users_key_is_that_user(sandbox: Sandbox, account: str) -> None:
    iam = sandbox.client("iam", account)
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    assert client(sandbox, "sts", key).get_caller_identity()["Arn"] == f"arn:aws:iam::{account}:user/alice"
    client(sandbox, "ec2", key).create_security_group(GroupName="hers", Description="x")
    assert last_identity(sandbox, account)["userName"] == "alice"


def test_an_accounts_resources_are_its_own(sandbox: Sandbox, account: str, other_account: str) -> None:
    group = security_group(sandbox, account)

    def groups(owner: str, region: str) -> list[str]:
        found = sandbox.client("ec2", owner, region).describe_security_groups()["SecurityGroups"]
        return [one["GroupId"] for one in found]

    assert group in groups(account, "us-east-1")
    assert group not in groups(account, "eu-west-1")
    assert group not in groups(other_account, "us-east-1")
