"""EFS: an encrypted file system has a key, its size is not measured again in every response, and it can be backed up.

Source of the backups: EFS's PutBackupPolicy.
"""
from __future__ import annotations

import json
from typing import Any

from moto.efs.exceptions import FileSystemNotFound
from moto.efs.models import FileSystem
from moto.efs.responses import EFSResponse
from moto.kms.models import kms_backends

from ..moto_fixes import replaces

_ALIAS = "alias/aws/elasticfilesystem"


def apply() -> None:
    """Apply the changes, once in the server's process."""
    _fix_key_of_the_encrypted()
    _fix_time_of_measuring()
    setattr(EFSResponse, put_backup_policy.__name__, put_backup_policy)


def put_backup_policy(request: Any) -> tuple[str, dict[str, str]]:
    """Start or stop automatic backups of a file system."""
    name, policy = request._get_param("FileSystemId"), request._get_param("BackupPolicy")
    system = request.efs_backend.file_systems_by_id.get(name)
    if system is None:
        raise FileSystemNotFound(name)
    system._backup = policy["Status"] == "ENABLED"
    return json.dumps({"BackupPolicy": policy}), {"Content-Type": "application/json"}


def _fix_key_of_the_encrypted() -> None:
    """Without a key of its own an encrypted file system has the one that AWS manages; moto shows none."""
    original: Any = FileSystem.__init__

    @replaces(FileSystem, "__init__")
    def init(system: Any, account_id: str, region_name: str, *args: Any, **named: Any) -> None:
        if named.get("encrypted") and not named.get("kms_key_id"):
            named["kms_key_id"] = _managed_key(account_id, region_name)
        original(system, account_id, region_name, *args, **named)


def _managed_key(account: str, region: str) -> str:
    kms = kms_backends[account][region]
    if not kms.alias_exists(_ALIAS):
        key = kms.create_key("", "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "Protects my EFS filesystems", None)
        kms.create_alias(key.id, _ALIAS)
    return str(kms.describe_key(_ALIAS).arn)


def _fix_time_of_measuring() -> None:
    """AWS measures a file system's size about once an hour; moto says that it did so just now, every time."""
    original: Any = FileSystem.size_in_bytes.fget  # type: ignore[attr-defined]

    def size_in_bytes(system: Any) -> dict[str, Any]:
        if "_measured" not in vars(system):
            system._measured = original(system)
        return dict(system._measured)

    replaces(FileSystem, "size_in_bytes")(property(size_in_bytes))
