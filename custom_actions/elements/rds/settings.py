"""The action `change-settings` on `aws.rds` and `aws.rds-cluster`.

Without ApplyImmediately, RDS makes some of these changes in the next maintenance window, and shows them as pending
until then. A pending value counts as the value of the setting.
Source: RDS's ModifyDBInstance, ModifyDBCluster, DescribeDBInstances and DescribeDBClusters.
"""
from __future__ import annotations

from ...fixing import ChangeSettings, SettingsCall, same_names, shown_by


def _pending(name: str, default: str) -> str:
    return f"not_null(PendingModifiedValues.{name}, {name}, `{default}`)"


_IAM = _pending("IAMDatabaseAuthenticationEnabled", "false")
_BACKUPS = _pending("BackupRetentionPeriod", "0")


class ChangeDatabase(ChangeSettings):
    """Change settings of a database instance, and verify the result.

    The changes are never applied immediately, because RDS would then also apply all other changes that wait for the
    maintenance window, which can restart the database. A higher BackupRetentionPeriod is left as it is.

    Written because c7n's `modify-db` compares with what c7n has read earlier, so it could lower a retention period,
    and because it does not see changes that wait for the maintenance window.

    :example:

    .. code-block:: yaml

        policies:
          - name: rds-backup-retention-extend
            resource: aws.rds
            filters:
              - {type: value, key: "BackupRetentionPeriod || `0`", op: lt, value: 7}
            actions:
              - type: change-settings
                settings: {BackupRetentionPeriod: 7}
    """

    settings_call = SettingsCall(
        "rds", "modify_db_instance", ("DBInstanceIdentifier",),
        {"BackupRetentionPeriod": _BACKUPS, "EnableIAMDatabaseAuthentication": _IAM,
         "MultiAZ": _pending("MultiAZ", "false")},
        shown_by("describe_db_instances", "DBInstances[0]", DBInstanceIdentifier="DBInstanceIdentifier"),
        reads=("rds:DescribeDBInstances",), writes=("rds:ModifyDBInstance",), at_least=("BackupRetentionPeriod",))


class ChangeDBCluster(ChangeSettings):
    """Change settings of a cluster of RDS, DocumentDB or Neptune, and verify the result.

    The changes are never applied immediately, because RDS would then also apply all other changes that wait for the
    maintenance window. A higher BackupRetentionPeriod is left as it is.

    Written because c7n's `retention` also writes the backup window and the maintenance window that it has read
    earlier, and because its actions do not see changes that wait for the maintenance window.

    :example:

    .. code-block:: yaml

        policies:
          - name: rds-cluster-backup-retention-extend
            resource: aws.rds-cluster
            filters:
              - {type: value, key: "BackupRetentionPeriod || `0`", op: lt, value: 7}
            actions:
              - type: change-settings
                settings: {BackupRetentionPeriod: 7}
    """

    settings_call = SettingsCall(
        "rds", "modify_db_cluster", ("DBClusterIdentifier",),
        {**same_names("AutoMinorVersionUpgrade", default="false"), "BackupRetentionPeriod": _BACKUPS,
         "EnableIAMDatabaseAuthentication": _IAM},
        shown_by("describe_db_clusters", "DBClusters[0]", DBClusterIdentifier="DBClusterIdentifier"),
        reads=("rds:DescribeDBClusters",), writes=("rds:ModifyDBCluster",), at_least=("BackupRetentionPeriod",))
