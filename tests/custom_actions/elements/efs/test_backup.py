"""`backup_status`: without a policy there are no backups, and a denied answer is an error."""
from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from custom_actions.elements.efs.backup import backup_status


class Answering:
    def __init__(self, status: str = "", code: str = "") -> None:
        self.status, self.code = status, code

    def describe_backup_policy(self, FileSystemId: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        if self.code:
            raise ClientError({"Error": {"Code": self.code, "Message": ""}}, "DescribeBackupPolicy")
        return {"BackupPolicy": {"Status": self.status}}


def test_the_status() -> None:
    assert backup_status(Answering("DISABLING"), "fs-1") == "DISABLING"
    assert backup_status(Answering(code="PolicyNotFound"), "fs-1") == "DISABLED"


def test_denied() -> None:
    with pytest.raises(ClientError):
        backup_status(Answering(code="AccessDenied"), "fs-1")
