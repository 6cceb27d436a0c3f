"""Adds to moto's Redshift what policies about clusters need.

Source: Redshift's API: ModifyClusterParameterGroup, DescribeClusterParameters, and MultiAZ of CreateCluster.
"""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.redshift.models import RedshiftBackend
from moto.redshift.responses import RedshiftResponse

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the changes, once in a process."""
    _parameters()
    _two_zones()


def _parameters() -> None:
    """The parameters of a group can be set, and say their type. In moto they are always the defaults."""
    original_describe = RedshiftBackend.describe_cluster_parameters

    @replaces(RedshiftBackend, "describe_cluster_parameters")
    def describe(backend: Any, parameter_group_name: str) -> list[dict[str, Any]]:
        found = original_describe(backend, parameter_group_name)
        chosen = getattr(backend.parameter_groups[parameter_group_name], "chosen", {})
        for each in found:
            if each["ParameterName"] in chosen:
                each.update(ParameterValue=chosen[each["ParameterName"]], Source="user")
            each["DataType"] = "boolean" if each["ParameterValue"] in ("true", "false") else "string"
        return found

    @replaces(RedshiftResponse, "modify_cluster_parameter_group")
    def modify(call: Any) -> ActionResult:
        (group,) = call.redshift_backend.describe_cluster_parameter_groups(call._get_param("ParameterGroupName"))
        values = {each["ParameterName"]: each["ParameterValue"] for each in call._get_param("Parameters", [])}
        group.chosen = {**getattr(group, "chosen", {}), **values}
        return ActionResult({
            "ParameterGroupName": group.name,
            "ParameterGroupStatus": "Your parameter group has been updated.",
        })


def _two_zones() -> None:
    """A cluster is in two Availability Zones if it was created so; moto forgets it."""
    original_create = RedshiftResponse.create_cluster

    @replaces(RedshiftResponse, "create_cluster")
    def create(call: Any) -> ActionResult:
        answer = original_create(call)
        cluster = call.redshift_backend.clusters[call._get_param("ClusterIdentifier")]
        cluster.multi_az = "Enabled" if call._get_bool_param("MultiAZ", False) else "Disabled"
        return answer
