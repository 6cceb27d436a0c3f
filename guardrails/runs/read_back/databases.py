"""Compares what fixes change in RDS, Redshift and DynamoDB: sharing of snapshots, logs, and encryption.

Source: RDS's DescribeDBInstances, DescribeDBClusters, DescribeDBSnapshotAttributes and
DescribeDBClusterSnapshotAttributes; Redshift's DescribeLoggingStatus; DynamoDB's DescribeTable;
Application Auto Scaling's DescribeScalableTargets and DescribeScalingPolicies.
"""
from __future__ import annotations

from typing import Any

from custom_actions.aws import call
from custom_actions.elements.rds import exported
from custom_actions.elements.redshift import logging_of

from .base import (
    AS_FIXED,
    BACK,
    Observation,
    Parameters,
    Read,
    Reads,
    Receipt,
    added_to,
    created,
    setting,
    several,
    shared,
)


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


def _exports(kind: str) -> Read:
    """The logs that a database exports, of those that the call stops."""
    def read(client: Any, parameters: Parameters, _: Receipt) -> Observation:
        name = f"DB{kind}Identifier"
        [database] = call(
            getattr(client, f"describe_db_{kind.lower()}s"), **{name: parameters[name]})[f"DB{kind}s"]
        now, logs = exported(database), parameters["CloudwatchLogsExportConfiguration"]["DisableLogTypes"]
        return several([each for each in logs if each in now], [each for each in logs if each not in now], back=False)

    return read


def _logging(client: Any, parameters: Parameters) -> dict[str, Any]:
    return logging_of(call(client.describe_logging_status, ClusterIdentifier=parameters["ClusterIdentifier"]))


def _logging_before(parameters: Parameters) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name != "ClusterIdentifier"}


def _table(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    table = call(client.describe_table, TableName=parameters["TableName"])["Table"]
    status = (table.get("SSEDescription") or {}).get("Status")
    return AS_FIXED if status in ("ENABLED", "ENABLING", "UPDATING") else BACK


def _target(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    dimension = parameters["ScalableDimension"]
    found = call(
        client.describe_scalable_targets, ServiceNamespace=parameters["ServiceNamespace"],
        ResourceIds=[parameters["ResourceId"]], ScalableDimension=dimension)["ScalableTargets"]
    wanted = [{name: each[name] for name in ("MinCapacity", "MaxCapacity")}
              for each in added_to(receipt, ScalableDimension=dimension) if "MinCapacity" in each]
    return created(found[0] if found else None, wanted, "the scalable target")


def _scaling_policy(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    given = {name: parameters[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    found = [each for each in call(client.describe_scaling_policies, **given)["ScalingPolicies"]
             if each["PolicyName"] == parameters["PolicyName"] and each["ResourceId"] == parameters["ResourceId"]]
    wanted = [{"TargetTrackingScalingPolicyConfiguration": each["TargetTracking"]} for each in added_to(
        receipt, ScalableDimension=parameters["ScalableDimension"], PolicyName=parameters["PolicyName"])]
    return created(found[0] if found else None, wanted, "the scaling policy")


DATABASES: Reads = {
    ("application-autoscaling", "deregister_scalable_target"): _target,
    ("application-autoscaling", "delete_scaling_policy"): _scaling_policy,
    ("rds", "modify_db_snapshot_attribute"): _database("DBSnapshot"),
    ("rds", "modify_db_cluster_snapshot_attribute"): _database("DBClusterSnapshot"),
    ("rds", "modify_db_instance"): _exports("Instance"),
    ("rds", "modify_db_cluster"): _exports("Cluster"),
    ("redshift", "disable_logging"): setting(_logging, _logging_before, "Logging"),
    ("redshift", "enable_logging"): setting(_logging, _logging_before, "Logging"),
    ("dynamodb", "update_table"): _table,
}
