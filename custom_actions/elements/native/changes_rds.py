"""The changes that c7n's actions make in RDS and Redshift, by operation.

Source: RDS's ModifyDBInstance and DescribeDBInstances; the RDS user guide, "Settings for DB instances"; Redshift's
ModifyCluster and DescribeClusters.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...aws import call
from ...errors import Refusal
from .change import IRREVERSIBLE, Attempt, Change, Plan, setting, unknown

INSTANCE_SETTINGS = ("AutoMinorVersionUpgrade", "DeletionProtection")
"""Settings of a database instance that RDS applies at once, without a restart, whatever `ApplyImmediately` says."""


CLUSTER_SETTINGS = ("AllowVersionUpgrade",)
"""Settings of a Redshift cluster that take effect at once, without a restart."""
_WAITED = "ApplyImmediately also applied what waited for the maintenance window"
_SECRETS = ("MasterUserPassword", "TdeCredentialPassword")


def _no_secrets(attempt: Attempt) -> None:
    if secret := [key for key in _SECRETS if key in attempt.parameters]:
        raise Refusal(f"{', '.join(secret)} would be in the receipt, in plain text")


def _instance(attempt: Attempt) -> Change | None:
    _no_secrets(attempt)
    client, name = attempt.client, attempt.parameters["DBInstanceIdentifier"]
    wanted = {key: value for key, value in attempt.parameters.items() if key in INSTANCE_SETTINGS}
    if others := sorted(attempt.parameters.keys() - wanted.keys() - {"DBInstanceIdentifier", "ApplyImmediately"}):
        return unknown(attempt.call, *others)

    def describe() -> dict[str, Any]:
        [instance] = call(client.describe_db_instances, DBInstanceIdentifier=name)["DBInstances"]
        return dict(instance)

    def read(instance: Mapping[str, Any]) -> dict[str, Any]:
        return {key: instance[key] for key in wanted if key in instance}

    now = describe()
    before = read(now)
    # Without `ApplyImmediately`, so that nothing else is applied.
    inverse = attempt.undo("modify_db_instance", DBInstanceIdentifier=name, **before)
    change = setting(attempt, "Settings", lambda: read(describe()), wanted, inverse, before=before)
    waiting = sorted(now.get("PendingModifiedValues") or ())
    if change is None or not waiting or not attempt.parameters.get("ApplyImmediately"):
        return change
    return replace(change, step=replace(change.step, note=f"{IRREVERSIBLE}{_WAITED}: {', '.join(waiting)}"))


def _cluster(attempt: Attempt) -> Change | None:
    _no_secrets(attempt)
    client, name = attempt.client, attempt.parameters["ClusterIdentifier"]
    wanted = {key: value for key, value in attempt.parameters.items() if key in CLUSTER_SETTINGS}
    if others := sorted(attempt.parameters.keys() - wanted.keys() - {"ClusterIdentifier"}):
        return unknown(attempt.call, *others)

    def read() -> dict[str, Any]:
        [cluster] = call(client.describe_clusters, ClusterIdentifier=name)["Clusters"]
        return {key: cluster[key] for key in wanted if key in cluster}

    before = read()
    inverse = attempt.undo("modify_cluster", ClusterIdentifier=name, **before)
    return setting(attempt, "Settings", read, wanted, inverse, before=before)


RDS: Mapping[str, Plan] = {
    "modify_db_instance": _instance,
}
REDSHIFT: Mapping[str, Plan] = {
    "modify_cluster": _cluster,
}
