"""The action `export-logs` on `aws.rds` and `aws.rds-cluster`.

Source: CloudwatchLogsExportConfiguration of RDS's ModifyDBInstance and ModifyDBCluster, which is always applied
immediately; PendingCloudwatchLogsExports of DescribeDBInstances and DescribeDBClusters.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from c7n.utils import type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, fix_by_plan, is_added

CONFIGURATION = "CloudwatchLogsExportConfiguration"
LOG_EXPORTS = "LogExports"
"""The key of the types of logs in `added` of a receipt."""


def exported(database: Mapping[str, Any]) -> set[str]:
    """The types of logs that an instance or a cluster exports, or will export shortly."""
    pending = (database.get("PendingModifiedValues") or {}).get("PendingCloudwatchLogsExports") or {}
    now = {*(database.get("EnabledCloudwatchLogsExports") or ()), *(pending.get("LogTypesToEnable") or ())}
    return now - set(pending.get("LogTypesToDisable") or ())


def of_engine(logs: Mapping[str, Sequence[str]], engine: str) -> Sequence[str]:
    """The types of logs of the first pattern that the engine matches. Raises Refusal if there is none."""
    for pattern, types in logs.items():
        if fnmatchcase(engine, pattern):
            return types
    raise Refusal(f"the policy names no logs of the engine {engine}")


def plan_exports(operation: str, identity: Mapping[str, str], database: Mapping[str, Any],
                 logs: Mapping[str, Sequence[str]]) -> FixPlan:
    """Export the logs that the database does not export yet. The others stay as they are."""
    now = exported(database)
    missing = [each for each in of_engine(logs, str(database.get("Engine", ""))) if each not in now]
    if not missing:
        return FixPlan()

    def modify(change: str) -> Call:
        return Call("rds", operation, {**identity, CONFIGURATION: {change: missing}})

    return FixPlan([Step(
        f"export the logs {', '.join(missing)}", modify("EnableLogTypes"), modify("DisableLogTypes"),
        added={LOG_EXPORTS: missing})])


def _stops_only_these(value: Any, receipt: Mapping[str, Any]) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"DisableLogTypes"} \
        and isinstance(value["DisableLogTypes"], list) and is_added(value["DisableLogTypes"], receipt)


def _inverse(operation: str, identity: str) -> Inverse:
    return Inverse("rds", operation, identity, values={CONFIGURATION: _stops_only_these})


class ExportLogs(Fix):
    """Export logs of a database to CloudWatch Logs, and verify the result.

    `logs` has the types of logs for each engine; the name of an engine can be a pattern, such as `oracle-*`, and the
    first that matches counts. Logs that are exported already stay. RDS makes the change immediately, without a
    restart. Exporting costs money. A log that the parameters or options of the database do not turn on stays empty.

    Written because c7n's `modify-db` sets the same logs for every engine, and `modify-db-cluster` cannot undo it.

    :example:

    .. code-block:: yaml

        policies:
          - name: rds-log-export-enable
            resource: aws.rds
            filters:
              - Engine: postgres
            actions:
              - type: export-logs
                logs:
                  postgres: [postgresql, upgrade]
    """

    schema = type_schema("export-logs", required=["logs"], otherwise=OTHERWISE, logs={
        "type": "object", "minProperties": 1, "additionalProperties": {
            "type": "array", "minItems": 1, "items": {"type": "string"}}})
    schema_alias = False
    inverses = (_inverse("modify_db_instance", "DBInstanceIdentifier"),)
    permissions: tuple[str, ...] = ("rds:DescribeDBInstances", "rds:ModifyDBInstance")
    kind: ClassVar[str] = "instance"

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Export the logs of one database."""
        client, [inverse] = session.client("rds"), self.inverses
        identity = {inverse.names: resource[inverse.names]}

        def plan() -> FixPlan:
            answer = call(getattr(client, f"describe_db_{self.kind}s"), **identity)
            [database] = answer[f"DB{self.kind.capitalize()}s"]
            return plan_exports(inverse.operation, identity, database, self.data["logs"])

        yield fix_by_plan(lambda service: client, plan)


class ExportClusterLogs(ExportLogs):
    """Export logs of a cluster of RDS, DocumentDB or Neptune to CloudWatch Logs, and verify the result.

    `logs` has the types of logs for each engine; the name of an engine can be a pattern, and the first that matches
    counts. Logs that are exported already stay. The change is made immediately, without a restart. Exporting costs
    money. A log that the parameters of the cluster do not turn on stays empty.

    Written because c7n's `modify-db-cluster` sets the same logs for every engine, and cannot undo it.

    :example:

    .. code-block:: yaml

        policies:
          - name: neptune-audit-log-export-enable
            resource: aws.rds-cluster
            filters:
              - Engine: neptune
            actions:
              - type: export-logs
                logs:
                  neptune: [audit]
    """

    inverses = (_inverse("modify_db_cluster", "DBClusterIdentifier"),)
    permissions = ("rds:DescribeDBClusters", "rds:ModifyDBCluster")
    kind = "cluster"
