"""The filter `no-automatic-backup` and the action `change-settings` on `aws.efs`: automatic backups of file systems.

Source: EFS's DescribeBackupPolicy and PutBackupPolicy; Security Hub's control EFS.7.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import absent
from ...fixing import ChangeSettings, Form, SettingsCall

_ON = ("ENABLED", "ENABLING")


class NoAutomaticBackup(Filter):
    """File systems whose automatic backups are off.

    One call for each file system. The status is kept on the file system as `c7n:BackupPolicy`. A backup plan of the
    team's own that contains the file system does not count.

    Written because c7n knows how many backups a file system has, but not whether AWS makes them by itself.

    :example:

    .. code-block:: yaml

        policies:
          - name: efs-automatic-backup
            resource: aws.efs
            filters:
              - no-automatic-backup
    """

    schema = type_schema("no-automatic-backup")
    permissions = ("elasticfilesystem:DescribeBackupPolicy",)
    annotation_key = "c7n:BackupPolicy"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("efs")
        found = []
        for file_system in resources:
            status = backup_status(client, file_system["FileSystemId"])
            if status not in _ON:
                file_system[self.annotation_key] = status
                found.append(file_system)
        return found


def backup_status(client: Any, file_system: str) -> str:
    """The status of a file system's automatic backups; DISABLED when it has no backup policy."""
    answer = absent(client.describe_backup_policy, "PolicyNotFound", FileSystemId=file_system)
    return str(answer["BackupPolicy"]["Status"]) if answer else "DISABLED"


def _backup_policy(client: Any, identity: Mapping[str, Any]) -> Mapping[str, Any]:
    """The backup policy as PutBackupPolicy takes it. The statuses of a change that is under way count as its result."""
    return {"Status": "ENABLED" if backup_status(client, identity["FileSystemId"]) in _ON else "DISABLED"}


class ChangeFileSystem(ChangeSettings):
    """Start or stop automatic backups of a file system, and verify the result.

    Written because c7n has no action for the backup policy.

    :example:

    .. code-block:: yaml

        policies:
          - name: efs-backup-enable
            resource: aws.efs
            filters:
              - no-automatic-backup
            actions:
              - type: change-settings
                settings: {Status: ENABLED}
    """

    settings_call = SettingsCall(
        "efs", "put_backup_policy", ("FileSystemId",), {"Status": "Status"}, _backup_policy,
        reads=("elasticfilesystem:DescribeBackupPolicy",), writes=("elasticfilesystem:PutBackupPolicy",),
        form=Form(within="BackupPolicy"))
