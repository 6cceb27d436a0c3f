"""Settings of databases that one call changes and another shows."""
from __future__ import annotations

from typing import Any

from ..cloud import Cloud
from ..faults import Drift, State
from .scenarios import described, drifts, pulled

NAMES = ["one", "two"]


def make_tables(cloud: Cloud) -> Any:
    client = cloud.client("dynamodb")
    for name in NAMES:
        client.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])
    return client


@drifts("dynamodb-table", "update")
def tables(cloud: Cloud) -> Drift:
    client = make_tables(cloud)

    def state() -> State:
        return {name: client.describe_table(TableName=name)["Table"] for name in NAMES}

    return Drift(
        pulled("dynamodb-table", {"type": "update", "DeletionProtectionEnabled": True}), NAMES, state,
        lambda found: set() if found["DeletionProtectionEnabled"] else {"unprotected"})


@drifts("dynamodb-table", "set-continuous-backup")
def recovery(cloud: Cloud) -> Drift:
    client = make_tables(cloud)

    def state() -> State:
        return {name: client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"][
            "PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] for name in NAMES}

    return Drift(
        pulled("dynamodb-table", {"type": "set-continuous-backup"}), NAMES, state,
        lambda found: set() if found == "ENABLED" else {"off"})


def make_instances(cloud: Cloud) -> tuple[Any, Any]:
    rds = cloud.client("rds")
    for name in NAMES:
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
            MasterUsername="u", MasterUserPassword="password", BackupRetentionPeriod=2,
            EnableCloudwatchLogsExports=["upgrade"])

    def state() -> State:
        return {name: described(rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0])
                for name in NAMES}

    return rds, state


@drifts("rds", "change-settings")
def instances(cloud: Cloud) -> Drift:
    _, state = make_instances(cloud)
    wanted = {"BackupRetentionPeriod": 7, "EnableIAMDatabaseAuthentication": True, "MultiAZ": True}
    return Drift(
        pulled("rds", {"type": "change-settings", "settings": wanted}), NAMES, state,
        lambda found: ({"backups"} if found["BackupRetentionPeriod"] < 7 else set())
        | ({"iam"} if not found["IAMDatabaseAuthenticationEnabled"] else set())
        | ({"one zone"} if not found["MultiAZ"] else set()))


@drifts("rds", "enable-monitoring")
def monitoring(cloud: Cloud) -> Drift:
    _, instances_now = make_instances(cloud)

    def state() -> State:
        # The role has no effect without an interval, and nothing takes it away.
        return {name: found["MonitoringInterval"] for name, found in instances_now().items()}

    return Drift(
        pulled("rds", {"type": "enable-monitoring", "role": "arn:aws:iam::123456789012:role/r"}), NAMES, state,
        lambda found: set() if found else {"not monitored"})


@drifts("rds", "export-logs")
def logs_of_instances(cloud: Cloud) -> Drift:
    _, state = make_instances(cloud)
    return Drift(
        pulled("rds", {"type": "export-logs", "logs": {"postgres": ["iam-db-auth-error", "postgresql", "upgrade"]}}),
        NAMES, state,
        lambda found: {"iam-db-auth-error", "postgresql"} - set(found.get("EnabledCloudwatchLogsExports", ())))


def make_clusters(cloud: Cloud, engine: str = "aurora-mysql") -> tuple[Any, Any]:
    rds = cloud.client("rds")
    for name in NAMES:
        rds.create_db_cluster(DBClusterIdentifier=name, Engine=engine, MasterUsername="u",
                              MasterUserPassword="password", AutoMinorVersionUpgrade=False)

    def state() -> State:
        return {name: described(rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]) for name in NAMES}

    return rds, state


@drifts("rds-cluster", "change-settings")
def clusters(cloud: Cloud) -> Drift:
    _, state = make_clusters(cloud)
    wanted = {"AutoMinorVersionUpgrade": True, "BackupRetentionPeriod": 7, "EnableIAMDatabaseAuthentication": True}
    return Drift(
        pulled("rds-cluster", {"type": "change-settings", "settings": wanted}), NAMES, state,
        lambda found: ({"backups"} if found["BackupRetentionPeriod"] < 7 else set())
        | ({"iam"} if not found["IAMDatabaseAuthenticationEnabled"] else set())
        | ({"old"} if not found["AutoMinorVersionUpgrade"] else set()))


@drifts("rds-cluster", "export-logs")
def logs_of_clusters(cloud: Cloud) -> Drift:
    _, state = make_clusters(cloud, "docdb")
    return Drift(
        pulled("rds-cluster", {"type": "export-logs", "logs": {"docdb": ["audit", "profiler"]}}), NAMES, state,
        lambda found: {"audit", "profiler"} - set(found.get("EnabledCloudwatchLogsExports", ())))


def make_warehouses(cloud: Cloud) -> Any:
    client = cloud.client("redshift")
    for name in NAMES:
        client.create_cluster(
            ClusterIdentifier=name, NodeType="ra3.large", MasterUsername="u", MasterUserPassword="Password1",
            PubliclyAccessible=True, AutomatedSnapshotRetentionPeriod=2)
    return client


@drifts("redshift", "change-settings")
def warehouses(cloud: Cloud) -> Drift:
    client = make_warehouses(cloud)

    def state() -> State:
        return {name: client.describe_clusters(ClusterIdentifier=name)["Clusters"][0] for name in NAMES}

    wanted = {"AutomatedSnapshotRetentionPeriod": 7, "PubliclyAccessible": False}
    return Drift(
        pulled("redshift", {"type": "change-settings", "settings": wanted}), NAMES, state,
        lambda found: ({"public"} if found["PubliclyAccessible"] else set())
        | ({"snapshots"} if found["AutomatedSnapshotRetentionPeriod"] < 7 else set()))


@drifts("redshift", "set-logging")
def audit_logs(cloud: Cloud) -> Drift:
    client = make_warehouses(cloud)
    cloud.client("s3").create_bucket(Bucket="logs")

    def state() -> State:
        return {name: client.describe_logging_status(ClusterIdentifier=name)["LoggingEnabled"] for name in NAMES}

    return Drift(
        pulled("redshift", {"type": "set-logging", "state": "enabled", "bucket": "logs", "prefix": "redshift/"}),
        NAMES, state, lambda found: set() if found else {"no log"})


@drifts("elasticache-group", "change-settings")
def cache_groups(cloud: Cloud) -> Drift:
    client = cloud.client("elasticache")
    for name in NAMES:
        client.create_replication_group(
            ReplicationGroupId=name, ReplicationGroupDescription="x", ReplicasPerNodeGroup=1,
            AutomaticFailoverEnabled=False, AutoMinorVersionUpgrade=False)

    def state() -> State:
        found = client.describe_replication_groups()["ReplicationGroups"]
        # The node of which backups are made has no effect without them, and nothing takes it away.
        return {each["ReplicationGroupId"]: {**each, "SnapshottingClusterId": ""} for each in found}

    wanted = {"AutoMinorVersionUpgrade": True, "AutomaticFailoverEnabled": True, "SnapshotRetentionLimit": 1}
    return Drift(
        pulled("elasticache-group", {"type": "change-settings", "settings": wanted}), NAMES, state,
        lambda found: ({"old"} if not found["AutoMinorVersionUpgrade"] else set())
        | ({"no failover"} if found["AutomaticFailover"] != "enabled" else set())
        | ({"no backups"} if not found["SnapshotRetentionLimit"] else set()))


@drifts("cache-cluster", "change-settings")
def caches(cloud: Cloud) -> Drift:
    client = cloud.client("elasticache")
    for name in NAMES:
        client.create_cache_cluster(
            CacheClusterId=name, CacheNodeType="cache.t3.micro", NumCacheNodes=1, Engine="redis",
            AutoMinorVersionUpgrade=False)

    def state() -> State:
        return {name: client.describe_cache_clusters(CacheClusterId=name)["CacheClusters"][0] for name in NAMES}

    return Drift(
        pulled("cache-cluster", {"type": "change-settings", "settings": {"AutoMinorVersionUpgrade": True}}), NAMES,
        state, lambda found: set() if found["AutoMinorVersionUpgrade"] else {"old"})


@drifts("dms-instance", "change-settings")
def replication_instances(cloud: Cloud) -> Drift:
    client = cloud.client("dms")
    arns = [client.create_replication_instance(
        ReplicationInstanceIdentifier=name, ReplicationInstanceClass="dms.t3.small",
        AutoMinorVersionUpgrade=False)["ReplicationInstance"]["ReplicationInstanceArn"] for name in NAMES]

    def state() -> State:
        return {each["ReplicationInstanceArn"]: each
                for each in client.describe_replication_instances()["ReplicationInstances"]}

    return Drift(
        pulled("dms-instance", {"type": "change-settings", "settings": {"AutoMinorVersionUpgrade": True}}), arns,
        state, lambda found: set() if found["AutoMinorVersionUpgrade"] else {"old"})


@drifts("dynamodb-table", "scale-capacity")
def capacity(cloud: Cloud) -> Drift:
    tables, scaling = cloud.client("dynamodb"), cloud.client("application-autoscaling")
    for name in NAMES:
        tables.create_table(
            TableName=name, BillingMode="PROVISIONED", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 6})

    def state() -> State:
        found = scaling.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"]
        targets = scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
        return {name: sorted(
            (each["ScalableDimension"], each.get("PolicyName", ""), each.get("MinCapacity", 0))
            for each in [*found, *targets] if each["ResourceId"] == f"table/{name}") for name in NAMES}

    return Drift(
        pulled("dynamodb-table", {"type": "scale-capacity", "max-capacity": 50}), NAMES, state,
        lambda found: {"guardrails-reads", "guardrails-writes"} - {name for _, name, _ in found})


@drifts("elasticsearch", "update-domain-config")
def domains(cloud: Cloud) -> Drift:
    client, group = cloud.client("es"), "arn:aws:logs:us-east-1:123456789012:log-group:x"
    audited = {"AUDIT_LOGS": {"CloudWatchLogsLogGroupArn": group, "Enabled": True}}
    for name in NAMES:
        client.create_elasticsearch_domain(DomainName=name, LogPublishingOptions=audited)

    def state() -> State:
        found = {name: client.describe_elasticsearch_domain(DomainName=name)["DomainStatus"]["LogPublishingOptions"]
                 for name in NAMES}
        return {name: {log: options["Enabled"] for log, options in logs.items() if options["Enabled"]}
                for name, logs in found.items()}

    return Drift(
        pulled("elasticsearch", {"type": "update-domain-config", "LogPublishingOptions": {
            "ES_APPLICATION_LOGS": {"CloudWatchLogsLogGroupArn": group, "Enabled": True}}}), NAMES, state,
        lambda found: {"AUDIT_LOGS", "ES_APPLICATION_LOGS"} - set(found))
