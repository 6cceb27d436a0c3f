"""The filter `unencrypted-recovery-points` on `aws.backup-vault`.

Source: AWS Backup's ListRecoveryPointsByBackupVault.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call


class UnencryptedRecoveryPoints(Filter):
    """Backup vaults with recovery points that are not encrypted.

    Their ARNs are kept on the vault as `c7n:UnencryptedRecoveryPoints`. A recovery point of which AWS Backup does not
    say that it is encrypted counts as not encrypted. One that AWS Backup deletes at the moment does not count. One call
    for each vault and thousand recovery points.

    Written because c7n has no resource type for recovery points.

    :example:

    .. code-block:: yaml

        policies:
          - name: backup-recovery-points-encrypted
            resource: aws.backup-vault
            filters:
              - unencrypted-recovery-points
    """

    schema = type_schema("unencrypted-recovery-points")
    permissions = ("backup:ListRecoveryPointsByBackupVault",)
    annotation_key = "c7n:UnencryptedRecoveryPoints"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("backup")
        matched = []
        for vault in resources:
            points = call(lambda of=vault["BackupVaultName"]: [
                point for page in client.get_paginator("list_recovery_points_by_backup_vault").paginate(
                    BackupVaultName=of, PaginationConfig={"PageSize": 1000}) for point in page["RecoveryPoints"]])
            found = sorted(
                each["RecoveryPointArn"] for each in points
                if each.get("IsEncrypted") is not True and each.get("Status") != "DELETING")
            if found:
                vault[self.annotation_key] = found
                matched.append(vault)
        return matched
