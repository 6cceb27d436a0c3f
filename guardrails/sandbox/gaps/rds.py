"""Corrects differences between moto's databases and AWS's.

Source: RDS's DescribeDBInstances; "Restoring a DB instance to a specified time" (transaction logs go to S3 every five
minutes).
"""
from __future__ import annotations

import string
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random
from moto.rds.models import DBInstance

from ..moto_fixes import replaces

_LETTERS = string.ascii_uppercase + "234567"
_LOGS_EVERY = timedelta(minutes=5)


def apply() -> None:
    """Apply the changes, once in a process."""
    _resource_ids()
    _restorable_time()


def _resource_ids() -> None:
    """A database's resource id, by which AWS Config knows it, is its own; moto gives all of them the same."""
    original_init = DBInstance.__init__

    @replaces(DBInstance, "__init__")
    def init(database: Any, *args: Any, **kwargs: Any) -> None:
        original_init(database, *args, **kwargs)
        database.dbi_resource_id = _new_id()

    original_set = DBInstance.set_as_replica

    @replaces(DBInstance, "set_as_replica")
    def set_as_replica(database: Any) -> None:
        original_set(database)
        # moto makes a replica as a copy of its source.
        database.dbi_resource_id = _new_id()


def _new_id() -> str:
    return "db-" + "".join(mock_random.choices(_LETTERS, k=26))


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
