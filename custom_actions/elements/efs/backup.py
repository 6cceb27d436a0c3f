"""The filter `no-automatic-backup` on `aws.efs`: file systems without automatic backups.

Source: EFS's DescribeBackupPolicy; Security Hub's control EFS.7.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import absent

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
