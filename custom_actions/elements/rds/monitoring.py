"""The action `enable-monitoring` on `aws.rds`.

Source: RDS's ModifyDBInstance and DescribeDBInstances; "Setting up and enabling Enhanced Monitoring" in its user guide.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n.utils import type_schema

from ...fixing import (
    OTHERWISE,
    SETTINGS,
    Fix,
    FixPlan,
    FixResult,
    SettingsCall,
    Step,
    fix_by_plan,
    same_names,
    shown_by,
)

_CALL = SettingsCall(
    "rds", "modify_db_instance", ("DBInstanceIdentifier",), same_names("MonitoringInterval", default="0"),
    shown_by("describe_db_instances", "DBInstances[0]", DBInstanceIdentifier="DBInstanceIdentifier"),
    reads=("rds:DescribeDBInstances",), writes=("rds:ModifyDBInstance",), ignored=("MonitoringRoleArn",))


def plan_monitoring(identity: Mapping[str, str], interval: int, wanted: int, role: str) -> FixPlan:
    """Turn on enhanced monitoring. An instance that has it keeps its `interval`, in seconds, and its role."""
    if interval:
        return FixPlan()
    new, before = {"MonitoringInterval": wanted}, {"MonitoringInterval": interval}
    [make] = _CALL.calls({**identity, "MonitoringRoleArn": role}, new)
    return FixPlan([Step(
        "turn on enhanced monitoring", make, _CALL.calls(identity, before), removed={SETTINGS: before},
        added={SETTINGS: new}, overwrites=True)])


class EnableMonitoring(Fix):
    """Turn on enhanced monitoring of a database instance, and verify the result.

    `role` is the ARN of the role with which RDS writes to CloudWatch Logs, and `interval` the seconds between two
    measurements, by default 60. An instance that has enhanced monitoring is not changed. There is no restart. Logs cost
    money, more with a shorter interval.

    Written because c7n's `modify-db` does not restore the interval, and does not name the permission to pass the role.

    :example:

    .. code-block:: yaml

        policies:
          - name: rds-enhanced-monitoring-enable
            resource: aws.rds
            filters:
              - MonitoringInterval: 0
            actions:
              - type: enable-monitoring
                role: "arn:aws:iam::{account_id}:role/rds-monitoring-role"
    """

    schema = type_schema(
        "enable-monitoring", required=["role"], otherwise=OTHERWISE, role={"type": "string"},
        interval={"enum": [1, 5, 10, 15, 30, 60]})
    inverses = (_CALL.inverse(),)
    permissions = (*_CALL.reads, *_CALL.writes, "iam:PassRole")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Turn on the monitoring of one instance."""
        client, identity = session.client("rds"), {"DBInstanceIdentifier": resource["DBInstanceIdentifier"]}

        def plan() -> FixPlan:
            now = _CALL.now(client, identity, ["MonitoringInterval"])["MonitoringInterval"]
            return plan_monitoring(identity, now, self.data.get("interval", 60), self.data["role"])

        yield fix_by_plan(lambda service: client, plan)
