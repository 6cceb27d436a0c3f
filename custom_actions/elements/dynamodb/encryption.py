"""The encryption of a table, and the step that changes it.

Every table is encrypted. Without an SSEDescription, it is encrypted with a key that AWS owns, which is not visible in
the account or in any log. With one, the key is in the account: `aws/dynamodb`, which AWS manages, or a customer managed
key.
Source: DynamoDB's DescribeTable and UpdateTable, and its developer guide, "DynamoDB encryption at rest".
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ...aws import call, code_of, reason_of
from ...errors import Refusal
from ...fixing import Call, Step

ON = ("ENABLED", "ENABLING", "UPDATING")
"""Statuses of a table that is, or will shortly be, encrypted with a KMS key; the change takes a while."""


def table_of(client: Any, name: str) -> dict[str, Any]:
    """A table of DescribeTable. Raises Refusal if it no longer exists, and one of AWS_ERRORS."""
    try:
        return dict(call(client.describe_table, TableName=name)["Table"])
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            raise Refusal(reason_of(error)) from error
        raise


def steps_of(table: Mapping[str, Any], key: str) -> list[Step]:
    """The step that encrypts a table of DescribeTable; none when it is already encrypted with a KMS key.

    `key`: a KMS key; empty for the one that AWS manages. Raises Refusal for a table that is not active.
    """
    if (table.get("SSEDescription") or {}).get("Status") in ON:
        return []
    if table["TableStatus"] != "ACTIVE":
        raise Refusal(f"the table is {table['TableStatus']}; only an ACTIVE table can be changed")
    specification = {"Enabled": True, "SSEType": "KMS"} | ({"KMSMasterKeyId": key} if key else {})
    name = table["TableName"]
    return [Step(
        f"encrypt the table {name}",
        Call("dynamodb", "update_table", {"TableName": name, "SSESpecification": specification}),
        # Back to the key that AWS owns.
        Call("dynamodb", "update_table", {"TableName": name, "SSESpecification": {"Enabled": False}}),
        added=specification, overwrites=True)]
