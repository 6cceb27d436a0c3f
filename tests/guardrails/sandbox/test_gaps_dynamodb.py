"""What was added to moto's DynamoDB, as AWS has it."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardrails.sandbox.backdate import backdate
from tests.moto_server import ACCOUNT, REGION, Moto


@pytest.fixture
def dynamodb(moto: Moto) -> Any:
    client = moto.client("dynamodb")
    client.create_table(
        TableName="t", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])
    return client


def described(dynamodb: Any) -> Any:
    return dynamodb.describe_table(TableName="t")["Table"].get("SSEDescription")


def test_of_conditional_writes_at_the_same_time_one_succeeds(dynamodb: Any) -> None:
    def write(number: int) -> bool:
        try:
            dynamodb.put_item(
                TableName="t", Item={"k": {"S": "a"}, "by": {"N": str(number)}},
                ConditionExpression="attribute_not_exists(k)")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ConditionalCheckFailedException"  # noqa: PT017
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(24))) == 1


def test_encryption_is_switched_on_and_off(dynamodb: Any) -> None:
    dynamodb.update_table(TableName="t", SSESpecification={"Enabled": True, "SSEType": "KMS"})
    shown = described(dynamodb)
    assert (shown["Status"], shown["SSEType"]) == ("ENABLED", "KMS")
    assert shown["KMSMasterKeyArn"].startswith("arn:aws:kms:us-east-1:123456789012:key/")
    dynamodb.update_table(TableName="t", SSESpecification={"Enabled": False})
    assert described(dynamodb) is None


def test_the_key_can_be_changed_but_not_to_itself(dynamodb: Any, moto: Moto) -> None:
    key = moto.client("kms").create_key()["KeyMetadata"]["Arn"]
    wanted = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    dynamodb.update_table(TableName="t", SSESpecification={"Enabled": True})
    dynamodb.update_table(TableName="t", SSESpecification=wanted)
    assert described(dynamodb)["KMSMasterKeyArn"] == key
    with pytest.raises(ClientError, match="already encrypted"):
        dynamodb.update_table(TableName="t", SSESpecification=wanted)


def test_other_updates_leave_it(dynamodb: Any) -> None:
    dynamodb.update_table(TableName="t", SSESpecification={"Enabled": True})
    dynamodb.update_table(TableName="t", DeletionProtectionEnabled=True)
    assert described(dynamodb)["Status"] == "ENABLED"


def test_a_deletion_ends_at_once_unless_the_table_is_busy(dynamodb: Any, moto: Moto) -> None:
    path = "dynamodb.tables.t.busy_until"
    backdate(path, -1, account=ACCOUNT, region=REGION)
    dynamodb.delete_table(TableName="t")
    assert dynamodb.describe_table(TableName="t")["Table"]["TableStatus"] == "DELETING"
    for change in (dynamodb.delete_table, dynamodb.update_table):
        with pytest.raises(ClientError, match="ResourceInUse"):
            change(TableName="t")
    backdate(path, 1, account=ACCOUNT, region=REGION)
    assert dynamodb.list_tables()["TableNames"] == []
    with pytest.raises(ClientError, match="ResourceNotFound"):
        dynamodb.describe_table(TableName="t")
