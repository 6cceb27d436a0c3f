"""The action `enable-logs` on `aws.eks`.

EKS answers at once and updates the cluster within a few minutes; until then, the cluster is UPDATING.

Source: EKS's UpdateClusterConfig and DescribeCluster; the EKS user guide, "Send control plane logs to CloudWatch Logs".
"""
from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, fix_by_plan

TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""The types of logs of a control plane."""


def enabled_logs(cluster: Mapping[str, Any]) -> set[str]:
    """The types of logs that the cluster of DescribeCluster writes."""
    entries = (cluster.get("logging") or {}).get("clusterLogging") or ()
    return {kind for entry in entries if entry.get("enabled") for kind in entry.get("types") or ()}


def plan_logs(cluster: Mapping[str, Any], wanted: Collection[str], *, again: bool) -> FixPlan:
    """Plan to turn on these types of logs. Other types stay as they are.

    `again`: it was planned before, so an update that runs is ours. Raises Refusal during another update.
    """
    missing = sorted(set(wanted) - enabled_logs(cluster))
    if not missing or (again and cluster["status"] == "UPDATING"):
        return FixPlan()
    if cluster["status"] != "ACTIVE":
        raise Refusal(f"the cluster is {cluster['status']}; only an ACTIVE cluster can be changed")
    return FixPlan([Step(
        f"turn on the logs {', '.join(missing)}", _logging(cluster["name"], missing, enabled=True),
        _logging(cluster["name"], missing, enabled=False), added={"logs": missing},
        note="EKS updates the cluster within a few minutes; the log group stays after a rollback", overwrites=True)])


def _logging(name: str, types: list[str], *, enabled: bool) -> Call:
    return Call("eks", "update_cluster_config", {
        "name": name, "logging": {"clusterLogging": [{"types": types, "enabled": enabled}]}})


def _turns_off_added(value: Any, receipt: Mapping[str, Any]) -> bool:
    added = [kind for each in receipt.get("added") or () for kind in each.get("logs") or ()]
    return bool(added) and value == {"clusterLogging": [{"types": added, "enabled": False}]}


class EnableLogs(Fix):
    """Turn on logs of a cluster's control plane, and verify the result.

    `types` has the types of logs; those that the cluster writes already stay. EKS sends the logs to CloudWatch Logs,
    which charges for them. The cluster goes on working. A cluster that is being updated is refused.

    Written because c7n's `update-config` skips clusters that are not active, does not verify the result, and writes no
    receipt.

    :example:

    .. code-block:: yaml

        policies:
          - name: eks-audit-log-enable
            resource: aws.eks
            filters:
              - type: value
                key: "logging.clusterLogging[?enabled].types[] | contains(@, 'audit')"
                op: ne
                value: true
            actions:
              - type: enable-logs
                types: [audit]
    """

    schema = type_schema("enable-logs", required=["types"], otherwise=OTHERWISE, types={
        "type": "array", "minItems": 1, "items": {"enum": list(TYPES)}})
    inverses = (Inverse("eks", "update_cluster_config", "name", values={"logging": _turns_off_added}),)
    permissions = ("eks:DescribeCluster", "eks:UpdateClusterConfig")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Turn on the logs of one cluster."""
        client = session.client("eks")
        planned: list[FixPlan] = []

        def plan() -> FixPlan:
            cluster = call(client.describe_cluster, name=resource["name"])["cluster"]
            planned.append(plan_logs(cluster, self.data["types"], again=bool(planned)))
            return planned[-1]

        yield fix_by_plan(lambda service: client, plan)
