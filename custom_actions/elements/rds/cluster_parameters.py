"""The filter `cluster-parameter` on `aws.rds-cluster`.

Source: RDS's DescribeDBClusterParameters, which is about the parameters of a DB cluster parameter group.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from c7n.resources.rdscluster import ClusterParameterFilter
from c7n.utils import type_schema


class ClusterParameter(ClusterParameterFilter):
    """A parameter of the cluster's parameter group, compared as c7n's filter `db-cluster-parameter` does.

    A parameter without a value is absent: the engine's default is in force.

    Written because c7n caches parameter groups by name alone. The groups of instances and of clusters can have the same
    name, as `default.mysql8.0` does, and then c7n judges clusters by the parameters of instances. Also, c7n does not
    name the permission for the call.

    :example:

    .. code-block:: yaml

        policies:
          - name: documentdb-tls
            resource: aws.rds-cluster
            filters:
              - Engine: docdb
              - {type: cluster-parameter, key: tls, value: disabled}
    """

    schema = type_schema("cluster-parameter", rinherit=ClusterParameterFilter.schema)
    permissions = ("rds:DescribeDBClusterParameters",)

    def handle_paramgroup_cache(self, param_groups: Iterable[str]) -> dict[str, dict[str, Any]]:
        return {group: {
            parameter["ParameterName"]: self.recast(parameter["ParameterValue"], parameter["DataType"])
            for parameter in self._get_param_list(group) if "ParameterValue" in parameter
        } for group in param_groups}
