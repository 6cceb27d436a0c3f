"""What a table's encryption is, and what changes it.

Every table is encrypted. Without an SSEDescription the key is one that AWS owns, which nobody sees and no log names;
with one it is a KMS key of the account: `aws/dynamodb`, which AWS manages, or one of the account's own.
Source: DynamoDB's DescribeTable and UpdateTable, and its developer guide, "DynamoDB encryption at rest".
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import Refusal
from ...fixing import Call, Step

ON = ("ENABLED", "ENABLING", "UPDATING")
"""Statuses of a table that is, or is about to be, encrypted with a KMS key: the change takes a while, and no doubt."""


def steps_of(table: Mapping[str, Any], key: str) -> list[Step]:
    """What encrypts a table of DescribeTable; nothing where a KMS key is in use already.

    `key`: a KMS key; empty for the one that AWS manages. Raises Refusal for a table that is not active.
    """
    if (table.get("SSEDescription") or {}).get("Status") in ON:
        return []
    if table["TableStatus"] != "ACTIVE":
        raise Refusal(f"the table is {table['TableStatus']}, and only an active one can be changed")
    specification = {"Enabled": True, "SSEType": "KMS"} | ({"KMSMasterKeyId": key} if key else {})
    name = table["TableName"]
    return [Step(
        f"encrypt the table {name}",
        Call("dynamodb", "update_table", {"TableName": name, "SSESpecification": specification}),
        # Back to the key that AWS owns.
        Call("dynamodb", "update_table", {"TableName": name, "SSESpecification": {"Enabled": False}}),
        added=specification)]
