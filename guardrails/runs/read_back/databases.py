"""Compares what fixes change in RDS, Redshift and DynamoDB: sharing of snapshots, settings, and encryption.

Source: RDS's DescribeDBInstances, DescribeDBSnapshotAttributes and DescribeDBClusterSnapshotAttributes; Redshift's
DescribeClusters; DynamoDB's DescribeTable.
"""
from __future__ import annotations

from typing import Any

from custom_actions.aws import call

from .base import AS_FIXED, BACK, Observation, Parameters, Read, Reads, Receipt, shared


def _database(kind: str) -> Read:
    def read(client: Any, parameters: Parameters, _: Receipt) -> Observation:
        lower = {"DBSnapshot": "db_snapshot", "DBClusterSnapshot": "db_cluster_snapshot"}[kind]
        name = f"{kind}Identifier"
        answer = call(getattr(client, f"describe_{lower}_attributes"), **{name: parameters[name]})
        attributes = answer[f"{kind}AttributesResult"][f"{kind}Attributes"]
        now = [value for each in attributes if each["AttributeName"] == "restore"
               for value in each.get("AttributeValues") or ()]
        return shared(now, parameters["ValuesToAdd"])

    return read


def _table(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    table = call(client.describe_table, TableName=parameters["TableName"])["Table"]
    status = (table.get("SSEDescription") or {}).get("Status")
    return AS_FIXED if status in ("ENABLED", "ENABLING", "UPDATING") else BACK


DATABASES: Reads = {
    ("rds", "modify_db_snapshot_attribute"): _database("DBSnapshot"),
    ("rds", "modify_db_cluster_snapshot_attribute"): _database("DBClusterSnapshot"),
    ("dynamodb", "update_table"): _table,
}
