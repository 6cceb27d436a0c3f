"""What a table's encryption is, and what changes it.

Every table is encrypted. Without an SSEDescription the key is one that AWS owns, which nobody sees and no log names;
with one it is a KMS key of the account: `aws/dynamodb`, which AWS manages, or one of the account's own.
Source: DynamoDB's DescribeTable and UpdateTable, and its developer guide, "DynamoDB encryption at rest".
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...fixing import Call

ON = ("ENABLED", "ENABLING", "UPDATING")
"""Statuses of a table that is, or is about to be, encrypted with a KMS key: the change takes a while, and no doubt."""


@dataclass(frozen=True)
class Plan:
    """What to do to one table.

    Attributes:
        specification: the SSESpecification to set; empty when the table is encrypted with a KMS key already.
        refused: why nothing can be done to it now.
    """

    specification: Mapping[str, Any]
    refused: str = ""

    def __bool__(self) -> bool:
        """Whether there is something to do."""
        return bool(self.specification)


def plan_encryption(table: Mapping[str, Any], key: str) -> Plan:
    """The plan for a table of DescribeTable. `key`: a KMS key; empty for the one that AWS manages."""
    if (table.get("SSEDescription") or {}).get("Status") in ON:
        return Plan({})
    if table["TableStatus"] != "ACTIVE":
        return Plan({}, f"the table is {table['TableStatus']}, and only an active one can be changed")
    return Plan({"Enabled": True, "SSEType": "KMS"} | ({"KMSMasterKeyId": key} if key else {}))


def inverse(table: str) -> Call:
    """The call that gives the table back to the key that AWS owns."""
    return Call("dynamodb", "update_table", {"TableName": table, "SSESpecification": {"Enabled": False}})
