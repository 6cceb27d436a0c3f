"""The filter `fixed-capacity` on `aws.dynamodb-table`.

Source: DynamoDB's DescribeTable (`BillingModeSummary` is absent from a table that was always provisioned); Application
Auto Scaling's DescribeScalingPolicies. A scaling policy belongs to a scalable target, and is deleted with it.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call

DIMENSIONS = {
    "reads": "dynamodb:table:ReadCapacityUnits",
    "writes": "dynamodb:table:WriteCapacityUnits",
}


class FixedCapacity(Filter):
    """Tables whose capacity does not follow the demand.

    A table follows it in on-demand mode, or in provisioned mode with a scaling policy for reads and one for writes.
    What lacks a policy is kept on the table as `c7n:FixedCapacity`. One call for all tables. Indexes are not looked at.

    Written because c7n does not read the scaling policies of tables.

    :example:

    .. code-block:: yaml

        policies:
          - name: dynamodb-scales
            resource: aws.dynamodb-table
            filters:
              - fixed-capacity
    """

    schema = type_schema("fixed-capacity")
    permissions = ("application-autoscaling:DescribeScalingPolicies",)
    annotation_key = "c7n:FixedCapacity"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        if not resources:
            return []
        client = local_session(self.manager.session_factory).client("application-autoscaling")
        policies = call(lambda: [
            policy
            for page in client.get_paginator("describe_scaling_policies").paginate(ServiceNamespace="dynamodb")
            for policy in page["ScalingPolicies"]
        ])
        of_resource: dict[str, list[Mapping[str, Any]]] = {}
        for policy in policies:
            of_resource.setdefault(policy["ResourceId"], []).append(policy)
        found = []
        for table in resources:
            if lacking := fixed(table, of_resource.get(_resource_id(table), ())):
                table[self.annotation_key] = lacking
                found.append(table)
        return found


def fixed(table: Mapping[str, Any], policies: Iterable[Mapping[str, Any]]) -> list[str]:
    """What of a table has a fixed capacity: `reads`, `writes`, both or nothing.

    Args:
        table: from DescribeTable.
        policies: its scaling policies, from DescribeScalingPolicies; those of other resources do not count.
    """
    if (table.get("BillingModeSummary") or {}).get("BillingMode") == "PAY_PER_REQUEST":
        return []
    scaled = {policy["ScalableDimension"] for policy in policies if policy["ResourceId"] == _resource_id(table)}
    return [what for what, dimension in DIMENSIONS.items() if dimension not in scaled]


def _resource_id(table: Mapping[str, Any]) -> str:
    """The table's id in Application Auto Scaling."""
    return f"table/{table['TableName']}"
