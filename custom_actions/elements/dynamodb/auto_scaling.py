"""The action `scale-capacity` on `aws.dynamodb-table`.

Source: Application Auto Scaling's RegisterScalableTarget, PutScalingPolicy, DescribeScalableTargets and
DescribeScalingPolicies; its user guide, "Permissions validation for Application Auto Scaling API calls on target
resources".
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, fix_by_plan, is_added
from .encryption import table_of
from .scaling import DIMENSIONS, fixed

_SERVICE = "application-autoscaling"
_METRICS = {"reads": "DynamoDBReadCapacityUtilization", "writes": "DynamoDBWriteCapacityUtilization"}
_UNITS = {"reads": "ReadCapacityUnits", "writes": "WriteCapacityUnits"}


def plan_scaling(
    table: Mapping[str, Any], policies: Iterable[Mapping[str, Any]], targets: Iterable[Mapping[str, Any]],
    most: int, utilization: int,
) -> FixPlan:
    """Let the capacity of a table scale that does not yet. What it has now is the least, so that it never gets less.

    Args:
        table: from DescribeTable.
        policies, targets: its scaling policies and scalable targets; those of other resources do not count.
        most: the most capacity units.
        utilization: the percentage of the capacity that is to be in use.
    """
    lacking = fixed(table, policies)
    if not lacking:
        return FixPlan()
    if table["TableStatus"] != "ACTIVE":
        raise Refusal(f"the table is {table['TableStatus']}; only an ACTIVE table can be changed")
    resource = f"table/{table['TableName']}"
    known = {each["ScalableDimension"] for each in targets if each["ResourceId"] == resource}
    steps = []
    for what in lacking:
        least = table["ProvisionedThroughput"][_UNITS[what]]
        if DIMENSIONS[what] not in known and least > most:
            raise Refusal(f"its {what} have {least} capacity units, more than the {most} of the policy")
        steps += _steps(what, resource, DIMENSIONS[what] in known, least, most, utilization)
    return FixPlan(steps)


def _steps(what: str, resource: str, known: bool, least: int, most: int, utilization: int) -> list[Step]:
    identity = {"ServiceNamespace": "dynamodb", "ResourceId": resource, "ScalableDimension": DIMENSIONS[what]}
    range_of = {"MinCapacity": least, "MaxCapacity": most}
    tracking = {"TargetValue": float(utilization),
                "PredefinedMetricSpecification": {"PredefinedMetricType": _METRICS[what]}}
    policy = {"PolicyName": f"guardrails-{what}"}
    register = Step(
        f"let the {what} scale from {least} to {most} capacity units",
        Call(_SERVICE, "register_scalable_target", {**identity, **range_of}),
        Call(_SERVICE, "deregister_scalable_target", identity),
        added={"ScalableDimension": DIMENSIONS[what], **range_of}, chain=what)
    put = Step(
        f"add a scaling policy for the {what}",
        Call(_SERVICE, "put_scaling_policy", {
            **identity, **policy, "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": tracking}),
        Call(_SERVICE, "delete_scaling_policy", {**identity, **policy}),
        added={"ScalableDimension": DIMENSIONS[what], **policy, "TargetTracking": tracking},
        note="a rollback leaves the table the capacity that it has by then", chain=what)
    # A target that somebody registered keeps its range.
    return [put] if known else [register, put]


def _of_table(value: Any, receipt: Mapping[str, Any]) -> bool:
    return bool(value == f"table/{receipt['resource']}")


_IDENTITY = {"ServiceNamespace": "dynamodb", "ScalableDimension": is_added}
_GONE = ("ObjectNotFoundException",)


class ScaleCapacity(Fix):
    """Let the reads and writes of a table with a fixed capacity scale with the demand, and verify the result.

    The capacity that the table has now is the least that it will have, `max-capacity` the most; a table that has more
    is refused. `utilization` is the percentage of the capacity that is to be in use, by default 70. The table stays in
    use. Indexes, and tables in on-demand mode, are not changed. More capacity costs more.

    Written because c7n does not set scaling policies of tables.

    :example:

    .. code-block:: yaml

        policies:
          - name: dynamodb-scales-with-demand-enable
            resource: aws.dynamodb-table
            filters:
              - fixed-capacity
            actions:
              - type: scale-capacity
                max-capacity: 100
    """

    schema = type_schema("scale-capacity", required=["max-capacity"], otherwise=OTHERWISE, **{
        # A string only for the name of a parameter in braces.
        "max-capacity": {"oneOf": [
            {"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^\\{[a-z_]+\\}$"}]},
        "utilization": {"type": "integer", "minimum": 20, "maximum": 90}})
    inverses = (
        Inverse(_SERVICE, "deregister_scalable_target", "ResourceId", _of_table, _IDENTITY, already=_GONE),
        Inverse(_SERVICE, "delete_scaling_policy", "ResourceId", _of_table, {**_IDENTITY, "PolicyName": is_added},
                already=_GONE),
    )
    # Application Auto Scaling calls DynamoDB and CloudWatch with the permissions of its caller, and creates its role.
    permissions = (
        "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:PutScalingPolicy", "application-autoscaling:RegisterScalableTarget",
        "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm", "dynamodb:DescribeTable",
        "dynamodb:UpdateTable", "iam:CreateServiceLinkedRole")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Let one table scale."""
        tables, scaling, name = session.client("dynamodb"), session.client(_SERVICE), resource["TableName"]

        def plan() -> FixPlan:
            table = table_of(tables, name)
            target = {"ServiceNamespace": "dynamodb"}
            policies = call(scaling.describe_scaling_policies, **target, ResourceId=f"table/{name}")["ScalingPolicies"]
            targets = call(
                scaling.describe_scalable_targets, **target, ResourceIds=[f"table/{name}"])["ScalableTargets"]
            return plan_scaling(table, policies, targets, self.data["max-capacity"], self.data.get("utilization", 70))

        yield fix_by_plan(lambda service: scaling, plan)
