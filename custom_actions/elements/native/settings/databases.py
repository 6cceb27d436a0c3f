"""RDS, Redshift and DynamoDB.

Source: RDS's ModifyDBInstance, ModifyDBCluster, DescribeDBInstances and DescribeDBClusters; the RDS user guide,
"Settings for DB instances"; Redshift's ModifyCluster and DescribeClusters; DynamoDB's UpdateTable,
DescribeTable, UpdateContinuousBackups and DescribeContinuousBackups.
"""
from __future__ import annotations

from ....fixing import Form, SettingsCall, same_names, shown_by

# RDS applies these settings at once, without a restart, whatever ApplyImmediately says.
DB_INSTANCE = SettingsCall(
    "rds", "modify_db_instance", ("DBInstanceIdentifier",),
    same_names("AutoMinorVersionUpgrade", "CopyTagsToSnapshot", "DeletionProtection", "PubliclyAccessible",
               default="false"),
    shown_by("describe_db_instances", "DBInstances[0]", DBInstanceIdentifier="DBInstanceIdentifier"),
    reads=("rds:DescribeDBInstances",), writes=("rds:ModifyDBInstance",),
    ignored=("ApplyImmediately",))

DB_CLUSTER = SettingsCall(
    "rds", "modify_db_cluster", ("DBClusterIdentifier",),
    same_names("CopyTagsToSnapshot", "DeletionProtection", default="false"),
    shown_by("describe_db_clusters", "DBClusters[0]", DBClusterIdentifier="DBClusterIdentifier"),
    reads=("rds:DescribeDBClusters",), writes=("rds:ModifyDBCluster",),
    ignored=("ApplyImmediately",))

REDSHIFT_CLUSTER = SettingsCall(
    "redshift", "modify_cluster", ("ClusterIdentifier",),
    same_names("AllowVersionUpgrade", default="false"),
    shown_by("describe_clusters", "Clusters[0]", ClusterIdentifier="ClusterIdentifier"),
    reads=("redshift:DescribeClusters",), writes=("redshift:ModifyCluster",))

TABLE = SettingsCall(
    "dynamodb", "update_table", ("TableName",),
    same_names("DeletionProtectionEnabled", default="false"),
    shown_by("describe_table", "Table", TableName="TableName"),
    reads=("dynamodb:DescribeTable",), writes=("dynamodb:UpdateTable",))

_RECOVERY = "ContinuousBackupsDescription.PointInTimeRecoveryDescription"
POINT_IN_TIME_RECOVERY = SettingsCall(
    "dynamodb", "update_continuous_backups", ("TableName",),
    {"PointInTimeRecoveryEnabled": f"{_RECOVERY}.PointInTimeRecoveryStatus == 'ENABLED'"},
    shown_by("describe_continuous_backups", TableName="TableName"),
    reads=("dynamodb:DescribeContinuousBackups",), writes=("dynamodb:UpdateContinuousBackups",),
    form=Form(within="PointInTimeRecoverySpecification"))
