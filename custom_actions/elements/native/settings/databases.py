"""RDS, Redshift, DynamoDB, and domains of OpenSearch and Elasticsearch.

Source: RDS's ModifyDBInstance, ModifyDBCluster, DescribeDBInstances and DescribeDBClusters; the RDS user guide,
"Settings for DB instances"; Redshift's ModifyCluster and DescribeClusters; DynamoDB's UpdateTable, DescribeTable,
UpdateContinuousBackups and DescribeContinuousBackups; Elasticsearch's UpdateElasticsearchDomainConfig and
DescribeElasticsearchDomainConfig.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


ERROR_LOG = "ES_APPLICATION_LOGS"


def _error_log(published: Mapping[str, Any]) -> Any:
    found = dict(published.get(ERROR_LOG) or {"Enabled": False})
    if group := found.get("CloudWatchLogsLogGroupArn"):
        # The ARN of a log group is written in two ways.
        found["CloudWatchLogsLogGroupArn"] = group.removesuffix(":*")
    return found


# A change of the logs names some of them; the others stay.
DOMAIN = SettingsCall(
    "es", "update_elasticsearch_domain_config", ("DomainName",), {ERROR_LOG: _error_log},
    shown_by("describe_elasticsearch_domain_config", "DomainConfig.LogPublishingOptions.Options || `{}`",
             DomainName="DomainName"),
    reads=("es:DescribeElasticsearchDomainConfig",), writes=("es:UpdateElasticsearchDomainConfig",),
    form=Form(within="LogPublishingOptions"))
