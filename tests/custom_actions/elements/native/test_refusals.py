"""c7n writes what it read earlier: a change that someone made since is not overwritten."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from moto.backends import get_backend

from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

STATEMENT = {
    "Sid": "DenyPlain", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::bucket/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
BLOCK = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)


def run(data: dict[str, Any], output: Path, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    policy = engine.load({"name": "p", **data}, output)
    [action] = policy.resource_manager.actions
    with policy.ctx:
        return list(action.process(resources))


def test_a_statement_that_was_added_since_stays(moto: Moto, tmp_path: Path) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="bucket")
    theirs = json.dumps({"Version": "2012-10-17", "Statement": [{**STATEMENT, "Sid": "Theirs"}]})
    s3.put_bucket_policy(Bucket="bucket", Policy=theirs)
    data = {"resource": "aws.s3", "actions": [{"type": "set-statements", "statements": [STATEMENT]}]}
    # c7n has read the bucket when it had no policy.
    [receipt] = run(data, tmp_path, [{"Name": "bucket", "Policy": None}])
    assert (receipt["outcome"], receipt["inverse"]) == ("refused", [])
    assert "was changed after c7n read it" in receipt["reason"]
    assert json.loads(s3.get_bucket_policy(Bucket="bucket")["Policy"]) == json.loads(theirs)


def test_a_block_that_was_turned_on_since_stays_on(moto: Moto, tmp_path: Path) -> None:
    client = moto.client("s3control")
    client.put_public_access_block(
        AccountId=ACCOUNT, PublicAccessBlockConfiguration={**BLOCK, "RestrictPublicBuckets": True})
    data = {"resource": "aws.account", "actions": [{"type": "set-s3-public-block", "BlockPublicAcls": True}]}
    [receipt] = run(data, tmp_path, [{"account_id": ACCOUNT, "c7n:s3-public-block": BLOCK}])
    assert (receipt["outcome"], receipt["inverse"]) == ("refused", [])
    assert "RestrictPublicBuckets was turned on after c7n read the settings" in receipt["reason"]
    now = client.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"]
    assert now == {**BLOCK, "RestrictPublicBuckets": True}


def test_a_resource_that_is_gone_is_in_order(moto: Moto, tmp_path: Path) -> None:
    data = {"resource": "aws.security-group", "actions": ["delete"]}
    [receipt] = run(data, tmp_path, [{"GroupId": "sg-00000000"}])
    assert receipt["outcome"] == "already-ok"
    assert receipt["reason"].startswith("it no longer exists: DescribeSecurityGroups")


def test_what_c7n_swallows_is_in_the_receipt(moto: Moto, tmp_path: Path) -> None:
    moto.client("s3").create_bucket(Bucket="bucket")
    data = {"resource": "aws.s3", "actions": [
        {"type": "set-bucket-encryption", "crypto": "aws:kms", "key": "alias/missing"}]}
    with pytest.raises(FixIncomplete, match="bucket failed: DescribeKey: NotFoundException"):
        run(data, tmp_path, [{"Name": "bucket"}])


def test_a_call_without_a_known_inverse_says_so(moto: Moto, tmp_path: Path) -> None:
    iam = moto.client("iam")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    data = {"resource": "aws.iam-user", "actions": [{"type": "delete", "options": ["access-keys"]}]}
    [receipt] = run(data, tmp_path, [{"UserName": "u"}])
    assert receipt["inverse"] == []
    assert receipt["added"] == [{"iam:delete_access_key": {"UserName": "u", "AccessKeyId": key}}]
    assert receipt["notes"] == [
        "irreversible: no inverse is known for iam:delete_access_key, and its result was not read again"]


def a_database(moto: Moto) -> Any:
    rds = moto.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="db", DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
        MasterUsername="u", MasterUserPassword="password")
    return rds


def modify(*settings: tuple[str, Any], immediate: bool = False) -> dict[str, Any]:
    return {"resource": "aws.rds", "actions": [{"type": "modify-db", "immediate": immediate, "update": [
        {"property": name, "value": value} for name, value in settings]}]}


def test_a_password_of_a_database_does_not_get_into_a_receipt(moto: Moto, tmp_path: Path) -> None:
    a_database(moto)
    data = modify(("MasterUserPassword", "hunter2-hunter2"))
    [receipt] = run(data, tmp_path, [{"DBInstanceIdentifier": "db"}])
    assert (receipt["outcome"], receipt["inverse"]) == ("refused", [])
    assert "hunter2" not in json.dumps(receipt)


def test_a_setting_of_a_database_without_an_inverse_is_named(moto: Moto, tmp_path: Path) -> None:
    a_database(moto)
    data = modify(("BackupRetentionPeriod", 9), ("DeletionProtection", True))
    [receipt] = run(data, tmp_path, [{"DBInstanceIdentifier": "db"}])
    assert (receipt["outcome"], receipt["inverse"]) == ("reverted", [])
    assert receipt["notes"] == [
        "irreversible: no inverse is known for BackupRetentionPeriod of rds:modify_db_instance, and its result was not "
        "read again"]


@pytest.mark.parametrize("immediate", [True, False])
def test_what_waited_for_the_maintenance_window_is_named(moto: Moto, tmp_path: Path, immediate: bool) -> None:
    rds = a_database(moto)
    database: Any = get_backend("rds")[ACCOUNT][REGION].databases["db"]
    database.pending_modified_values = {"DBInstanceClass": "db.t3.small"}
    [receipt] = run(
        modify(("DeletionProtection", True), immediate=immediate), tmp_path, [{"DBInstanceIdentifier": "db"}])
    assert receipt["outcome"] == "reverted"
    assert receipt["inverse"] == [{"service": "rds", "operation": "modify_db_instance", "parameters": {
        "DBInstanceIdentifier": "db", "DeletionProtection": False}}]
    assert receipt["notes"] == ([
        "irreversible: ApplyImmediately also applied what waited for the maintenance window: DBInstanceClass"]
        if immediate else [])
    assert rds.describe_db_instances()["DBInstances"][0]["DeletionProtection"] is True
