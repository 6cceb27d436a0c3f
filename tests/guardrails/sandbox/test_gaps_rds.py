"""Databases as AWS shows them, where moto does not."""
from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.moto_server import Moto


def databases(moto: Moto, **retention: int) -> dict[str, dict[str, Any]]:
    """Databases by name, each with so many days of backups."""
    rds = moto.client("rds")
    for name, days in retention.items():
        rds.create_db_instance(
            DBInstanceIdentifier=name, BackupRetentionPeriod=days, DBInstanceClass="db.t4g.small", Engine="mysql",
            AllocatedStorage=10, MasterUsername="u", MasterUserPassword="hunter22222",
        )
    return {each["DBInstanceIdentifier"]: each for each in rds.describe_db_instances()["DBInstances"]}


def test_each_has_a_resource_id_of_its_own(moto: Moto) -> None:
    ids = [each["DbiResourceId"] for each in databases(moto, one=1, two=1).values()]
    assert len(set(ids)) == 2
    assert all(re.fullmatch("db-[A-Z0-9]{26}", each) for each in ids)
    again = moto.client("rds").describe_db_instances(Filters=[{"Name": "dbi-resource-id", "Values": ids[:1]}])
    assert [each["DBInstanceIdentifier"] for each in again["DBInstances"]] == ["one"]


def test_the_latest_restorable_time_is_that_of_the_last_log(moto: Moto) -> None:
    found = databases(moto, kept=7, unkept=0)
    latest = found["kept"]["LatestRestorableTime"]
    assert (latest.minute % 5, latest.second, latest.microsecond) == (0, 0, 0)
    assert timedelta(0) <= datetime.now(UTC) - latest < timedelta(minutes=6)
    assert "LatestRestorableTime" not in found["unkept"]


def test_a_replica_is_another_database_than_its_source(moto: Moto) -> None:
    databases(moto, source=7)
    moto.client("rds").create_db_instance_read_replica(
        DBInstanceIdentifier="replica", SourceDBInstanceIdentifier="source")
    found = databases(moto)
    assert found["replica"]["DbiResourceId"] != found["source"]["DbiResourceId"]
    assert found["replica"]["ReadReplicaSourceDBInstanceIdentifier"] == "source"


def test_a_cluster_of_documentdb(moto: Moto) -> None:
    moto.client("docdb").create_db_cluster(
        DBClusterIdentifier="documents", Engine="docdb", MasterUsername="u", MasterUserPassword="hunter22222",
        EnableCloudwatchLogsExports=["audit"])
    (found,) = moto.client("rds").describe_db_clusters()["DBClusters"]
    assert (found["Engine"], found["EngineVersion"], found["Port"]) == ("docdb", "5.0.0", 27017)
    assert found["DBClusterParameterGroup"] == "default.docdb5.0"
    assert found["EnabledCloudwatchLogsExports"] == ["audit"]
    group = moto.client("docdb").describe_db_cluster_parameters(DBClusterParameterGroupName="default.docdb5.0")
    assert [each["ParameterValue"] for each in group["Parameters"] if each["ParameterName"] == "tls"] == ["enabled"]
    moto.client("docdb").create_db_instance(
        DBInstanceIdentifier="first", DBClusterIdentifier="documents", DBInstanceClass="db.r6g.large", Engine="docdb")
    (instance,) = moto.client("rds").describe_db_instances()["DBInstances"]
    assert (instance["Engine"], instance["DBClusterIdentifier"]) == ("docdb", "documents")


def test_a_cluster_of_neptune_may_use_iam(moto: Moto) -> None:
    neptune = moto.client("neptune")
    neptune.create_db_cluster(DBClusterIdentifier="iam", Engine="neptune", EnableIAMDatabaseAuthentication=True)
    neptune.create_db_cluster(DBClusterIdentifier="plain", Engine="neptune")
    found = neptune.describe_db_clusters()["DBClusters"]
    assert {each["DBClusterIdentifier"]: each["IAMDatabaseAuthenticationEnabled"] for each in found} == {
        "iam": True, "plain": False}


def test_a_cluster_is_the_same_in_every_answer(moto: Moto) -> None:
    rds = moto.client("rds")
    rds.create_db_cluster(
        DBClusterIdentifier="c", Engine="aurora-mysql", MasterUsername="u", MasterUserPassword="hunter22222")
    first = rds.describe_db_clusters()["DBClusters"]
    assert first[0]["Status"] == "available"
    assert first[0]["LatestRestorableTime"].minute % 5 == 0
    assert rds.describe_db_clusters()["DBClusters"] == first


def test_another_parameter_group_waits_for_a_reboot(moto: Moto) -> None:
    rds = moto.client("rds")
    databases(moto, one=1, other=1)
    rds.create_db_parameter_group(DBParameterGroupName="new", DBParameterGroupFamily="mysql8.4", Description="x")

    def statuses() -> dict[str, str]:
        return {name: each["DBParameterGroups"][0]["ParameterApplyStatus"] for name, each in databases(moto).items()}

    rds.modify_db_instance(DBInstanceIdentifier="one", DBParameterGroupName="new")
    assert statuses() == {"one": "pending-reboot", "other": "in-sync"}
    rds.reboot_db_instance(DBInstanceIdentifier="one")
    assert statuses() == {"one": "in-sync", "other": "in-sync"}


def test_another_parameter_group_of_a_cluster_waits_for_its_members(moto: Moto) -> None:
    rds = moto.client("rds")
    rds.create_db_cluster(
        DBClusterIdentifier="c", Engine="aurora-mysql", MasterUsername="u", MasterUserPassword="hunter22222")
    for name in ("a", "b"):
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBClusterIdentifier="c", DBInstanceClass="db.r6g.large", Engine="aurora-mysql")
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="new", DBParameterGroupFamily="aurora-mysql8.0", Description="x")
    rds.modify_db_cluster(DBClusterIdentifier="c", DBClusterParameterGroupName="new")
    rds.reboot_db_instance(DBInstanceIdentifier="a")
    (found,) = rds.describe_db_clusters()["DBClusters"]
    assert found["DBClusterParameterGroup"] == "new"
    status = {each["DBInstanceIdentifier"]: each["DBClusterParameterGroupStatus"] for each in found["DBClusterMembers"]}
    assert status == {"a": "in-sync", "b": "pending-reboot"}


def test_a_log_is_exported_once_and_can_be_stopped(moto: Moto) -> None:
    databases(moto, one=1)
    rds = moto.client("rds")
    rds.create_db_cluster(
        DBClusterIdentifier="c", Engine="neptune", MasterUsername="u", MasterUserPassword="hunter22222")
    for change, expected in (("EnableLogTypes", ["audit"]), ("EnableLogTypes", ["audit"]), ("DisableLogTypes", []),
                             ("DisableLogTypes", [])):
        logs = {change: ["audit"]}
        rds.modify_db_instance(DBInstanceIdentifier="one", CloudwatchLogsExportConfiguration=logs)
        rds.modify_db_cluster(DBClusterIdentifier="c", CloudwatchLogsExportConfiguration=logs)
        [instance] = rds.describe_db_instances(DBInstanceIdentifier="one")["DBInstances"]
        [cluster] = rds.describe_db_clusters()["DBClusters"]
        assert instance.get("EnabledCloudwatchLogsExports", []) == expected
        assert cluster.get("EnabledCloudwatchLogsExports", []) == expected


def test_a_modified_cluster_uses_iam(moto: Moto) -> None:
    rds = moto.client("rds")
    rds.create_db_cluster(
        DBClusterIdentifier="c", Engine="aurora-mysql", MasterUsername="u", MasterUserPassword="hunter22222")
    for value in (True, False):
        rds.modify_db_cluster(DBClusterIdentifier="c", EnableIAMDatabaseAuthentication=value)
        assert rds.describe_db_clusters()["DBClusters"][0]["IAMDatabaseAuthenticationEnabled"] is value
        # Another change keeps it.
        rds.modify_db_cluster(DBClusterIdentifier="c", BackupRetentionPeriod=3)
        assert rds.describe_db_clusters()["DBClusters"][0]["IAMDatabaseAuthenticationEnabled"] is value
