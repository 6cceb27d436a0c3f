"""The action `use-load-balancer-health` on `aws.asg`.

Source: Auto Scaling's DescribeAutoScalingGroups and UpdateAutoScalingGroup; Elastic Load Balancing's
DescribeTargetHealth, and DescribeInstanceHealth (2012-06-01); Amazon EC2 Auto Scaling user guide, "Health checks for
instances in an Auto Scaling group".
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...errors import Refusal
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

_TYPE, _GRACE, _ELB = "HealthCheckType", "HealthCheckGracePeriod", "ELB"
GROUP = SettingsCall(
    "autoscaling", "update_auto_scaling_group", ("AutoScalingGroupName",), same_names(_TYPE, _GRACE),
    shown_by("describe_auto_scaling_groups", "AutoScalingGroups[0]", AutoScalingGroupNames=["AutoScalingGroupName"]),
    reads=("autoscaling:DescribeAutoScalingGroups",), writes=("autoscaling:UpdateAutoScalingGroup",))


def plan_health(group: Mapping[str, Any], grace: int, healthy: Iterable[set[str]]) -> FixPlan:
    """Add the load balancer's health checks to those of a group. A longer grace period stays.

    Args:
        group: from DescribeAutoScalingGroups.
        grace: the grace period in seconds, at least.
        healthy: for each load balancer and target group of the group, the instances that it sees as healthy.

    Raises Refusal if one of them sees an instance of the group as not healthy.
    """
    types = [each for each in group[_TYPE].split(",") if each != "EC2"]
    if _ELB in types:
        return FixPlan()
    # One that starts has the grace period, and one on standby is in no load balancer.
    running = {each["InstanceId"] for each in group.get("Instances") or () if each["LifecycleState"] == "InService"}
    if sick := sorted({instance for each in healthy for instance in running - each}):
        raise Refusal(
            f"a load balancer sees {', '.join(sick)} as not healthy, and the group would replace these instances: find "
            "out why first")
    wanted: dict[str, Any] = {_TYPE: ",".join([*types, _ELB])}
    if int(group.get(_GRACE) or 0) < grace:
        wanted[_GRACE] = grace
    before = {name: group.get(name, 0) for name in wanted}
    identity = {"AutoScalingGroupName": group["AutoScalingGroupName"]}
    [make], inverse = GROUP.calls(identity, wanted), GROUP.calls(identity, before)
    return FixPlan([Step(
        "use the health checks of the load balancer", make, inverse, removed={SETTINGS: before},
        added={SETTINGS: wanted}, overwrites=True)])


class UseLoadBalancerHealth(Fix):
    """Let a group replace the instances that its load balancer sees as not healthy, and verify the result.

    Other health checks of the group stay. The grace period becomes `grace-period` seconds (300) at least: a shorter one
    would end instances whose application is still starting. A group with an instance that is not healthy is refused,
    because all such instances would be replaced at once.

    Written because c7n has no action for the health checks of a group.

    :example:

    .. code-block:: yaml

        policies:
          - name: asg-elb-health-check-enable
            resource: aws.asg
            filters:
              - {type: value, key: "TargetGroupARNs[0]", value: present}
              - HealthCheckType: EC2
            actions:
              - type: use-load-balancer-health
                grace-period: 600
    """

    schema = type_schema(
        "use-load-balancer-health", otherwise=OTHERWISE,
        **{"grace-period": {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}})
    inverses = (GROUP.inverse(),)
    permissions = (
        *GROUP.reads, *GROUP.writes, "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:DescribeInstanceHealth")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Add the health checks to one group."""
        client, grace = session.client("autoscaling"), int(self.data.get("grace-period", 300))

        def plan() -> FixPlan:
            group = GROUP.describe(client, {"AutoScalingGroupName": resource["AutoScalingGroupName"]})
            return plan_health(group, grace, _healthy(session, group))

        yield fix_by_plan(lambda service: client, plan)


def _healthy(session: Any, group: Mapping[str, Any]) -> Iterator[set[str]]:
    for target_group in group.get("TargetGroupARNs") or ():
        found = call(session.client("elbv2").describe_target_health, TargetGroupArn=target_group)
        yield {each["Target"]["Id"] for each in found["TargetHealthDescriptions"]
               if each["TargetHealth"]["State"] == "healthy"}
    for balancer in group.get("LoadBalancerNames") or ():
        found = call(session.client("elb").describe_instance_health, LoadBalancerName=balancer)
        yield {each["InstanceId"] for each in found["InstanceStates"] if each["State"] == "InService"}
