"""Databases, where moto's are not what AWS's are.

Source: RDS's DescribeDBInstances; "Restoring a DB instance to a specified time" (transaction logs go to S3 every five
minutes).
"""
from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.rds.models import DBInstance

from guardrails.sandbox.moto_fixes import replaces

_LOGS_EVERY = timedelta(minutes=5)


def apply() -> None:
    """Put every fix in place. Once in a process."""
    _restorable_time()


def _restorable_time() -> None:
    """A database can be restored to its last transaction log, and not at all without backups.

    moto says the present moment, so that a database is never the same in two answers.
    """

    def latest_restorable_time(database: Any) -> datetime | None:
        if not database.backup_retention_period:
            return None
        now = utcnow()
        return now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % _LOGS_EVERY

    replaces(DBInstance, "latest_restorable_time")(property(latest_restorable_time))
