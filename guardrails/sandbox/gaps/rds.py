"""Corrects differences between moto's databases and AWS's.

Source: RDS's DescribeDBInstances and DescribeDBClusters; "Restoring a DB instance to a specified time" (transaction
logs go to S3 every five minutes); CreateDBCluster of Amazon DocumentDB and Amazon Neptune.
"""
from __future__ import annotations

import copy
import string
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random
from moto.rds.models import DBCluster, DBInstance, RDSBackend

from ..moto_fixes import replaces

_LETTERS = string.ascii_uppercase + "234567"
_LOGS_EVERY = timedelta(minutes=5)


def apply() -> None:
    """Apply the changes, once in a process."""
    _resource_ids()
    _restorable_time()
    _clusters()
    _parameters_after_a_reboot()
    _log_exports()


def _resource_ids() -> None:
    """A database's resource id, by which AWS Config knows it, is its own; moto gives all of them the same."""
    original_init = DBInstance.__init__

    @replaces(DBInstance, "__init__")
    def init(database: Any, *args: Any, **kwargs: Any) -> None:
        of_documentdb = kwargs.get("engine") == "docdb"
        if of_documentdb:
            # moto refuses the engine, as for clusters.
            kwargs = {"port": 27017, **kwargs, "engine": "aurora-postgresql"}
        original_init(database, *args, **kwargs)
        if of_documentdb:
            database.engine = "docdb"
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
        return _last_log() if database.backup_retention_period else None

    replaces(DBInstance, "latest_restorable_time")(property(latest_restorable_time))


def _last_log() -> datetime:
    now = utcnow()
    return now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % _LOGS_EVERY


def _clusters() -> None:
    """A cluster may be one of DocumentDB; one of Neptune may use IAM; and it is the same in every answer.

    moto refuses the first two, says "creating" once, and says the present moment as the last one to restore.
    """
    original_init = DBCluster.__init__

    @replaces(DBCluster, "__init__")
    def init(cluster: Any, backend: Any, **options: Any) -> None:
        engine = options["engine"]
        iam = options.pop("enable_iam_database_authentication", False) if engine == "neptune" else False
        if engine == "docdb":
            options = {"engine_version": "5.0.0", "port": 27017, "db_cluster_parameter_group_name": "default.docdb5.0",
                       **options, "engine": "aurora-postgresql"}
        original_init(cluster, backend, **options)
        cluster.engine = engine
        cluster.iam_auth = cluster.iam_auth or iam
        cluster.status = "available"

    replaces(DBCluster, "latest_restorable_time")(property(lambda cluster: _last_log()))
    original_parameters = RDSBackend.describe_db_cluster_parameters

    @replaces(RDSBackend, "describe_db_cluster_parameters")
    def parameters(backend: Any, db_cluster_parameter_group_name: str) -> list[dict[str, Any]]:
        # Each family has its default group, which moto knows only by name. Of its parameters one is here.
        name = db_cluster_parameter_group_name
        if name.startswith("default.") and name not in backend.db_cluster_parameter_groups:
            tls = {"ParameterName": "tls", "ParameterValue": "enabled", "DataType": "string"}
            return [tls] if name.startswith("default.docdb") else []
        return original_parameters(backend, name)


def _parameters_after_a_reboot() -> None:
    """Another parameter group takes effect when the instance is rebooted; until then its status is `pending-reboot`.

    In moto every group is in sync. Source: "Associating a DB parameter group with a DB instance", and the same of a
    DB cluster, in RDS's user guide.
    """
    original_modify: Any = RDSBackend.modify_db_instance
    original_modify_cluster: Any = RDSBackend.modify_db_cluster
    original_reboot: Any = RDSBackend.reboot_db_instance
    original_members: Any = DBCluster.db_cluster_members

    @replaces(RDSBackend, "modify_db_instance")
    def modify(backend: Any, db_instance_identifier: str, db_kwargs: dict[str, Any]) -> Any:
        database = original_modify(backend, db_instance_identifier, db_kwargs)
        if db_kwargs.get("db_parameter_group_name"):
            database.waits_for_reboot = True
        return database

    @replaces(RDSBackend, "modify_db_cluster")
    def modify_cluster(backend: Any, kwargs: Any) -> Any:
        other = kwargs.get("db_cluster_parameter_group_name")
        answer = original_modify_cluster(backend, kwargs)
        for member in answer._members if other else ():
            member.waits_for_reboot = True
        return answer

    @replaces(RDSBackend, "reboot_db_instance")
    def reboot(backend: Any, db_instance_identifier: str) -> Any:
        database = original_reboot(backend, db_instance_identifier)
        database.waits_for_reboot = False
        return database

    def groups(database: Any) -> list[Any]:
        found = [copy.copy(group) for group in database.db_parameter_groups()]
        for group in found:
            group.ParameterApplyStatus = _status(database)
        return found

    def members(cluster: Any) -> list[dict[str, Any]]:
        return [{**shown, "DBClusterParameterGroupStatus": _status(member)}
                for shown, member in zip(original_members.fget(cluster), cluster.members, strict=True)]

    replaces(DBInstance, "db_parameter_group_status_list")(property(groups))
    replaces(DBCluster, "db_cluster_members")(property(members))


def _log_exports() -> None:
    """ModifyDBCluster changes which logs a cluster exports, and whether it uses IAM; moto forgets both.

    An instance exports a log once; in moto it does so as often as the log was named, and stopping one that is not
    exported is an error of the server. Source: CloudwatchLogsExportConfiguration of ModifyDBInstance and
    ModifyDBCluster.
    """
    original: Any = RDSBackend.modify_db_cluster
    original_update: Any = DBInstance.update

    @replaces(DBInstance, "update")
    def update(database: Any, **kwargs: Any) -> None:
        logs = kwargs.pop("cloudwatch_logs_export_configuration", None) or {}
        original_update(database, **kwargs)
        database.enabled_cloudwatch_logs_exports = _exported(database, logs)

    @replaces(RDSBackend, "modify_db_cluster")
    def modify(backend: Any, kwargs: Any) -> Any:
        cluster = backend.clusters[kwargs["db_cluster_identifier"]]
        logs = kwargs.get("cloudwatch_logs_export_configuration") or {}
        iam = kwargs.get("enable_iam_database_authentication")
        answer = original(backend, kwargs)
        cluster.enabled_cloudwatch_logs_exports = _exported(cluster, logs)
        if iam is not None:
            cluster.iam_auth = iam
        return answer


def _exported(database: Any, change: Any) -> list[str]:
    stopped = change.get("DisableLogTypes") or ()
    kept = [each for each in database.enabled_cloudwatch_logs_exports or () if each not in stopped]
    return [*kept, *(each for each in change.get("EnableLogTypes") or () if each not in kept)]


def _status(database: Any) -> str:
    return "pending-reboot" if getattr(database, "waits_for_reboot", False) else "in-sync"
