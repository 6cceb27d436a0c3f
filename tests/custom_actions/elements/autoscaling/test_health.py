"""`use-load-balancer-health`: other checks stay, nothing gets shorter, and no instance is lost at once."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.autoscaling.health import plan_health
from custom_actions.errors import Refusal


def group(types: str, grace: int | None = 0, *instances: str) -> dict[str, Any]:
    found = {"AutoScalingGroupName": "web", "HealthCheckType": types, "Instances": [
        *({"InstanceId": each, "LifecycleState": "InService"} for each in instances),
        {"InstanceId": "i-new", "LifecycleState": "Pending"}]}
    return found if grace is None else {**found, "HealthCheckGracePeriod": grace}


@pytest.mark.parametrize(("types", "grace", "made", "undone"), [
    ("EC2", 0, {"HealthCheckType": "ELB", "HealthCheckGracePeriod": 300},
     {"HealthCheckType": "EC2", "HealthCheckGracePeriod": 0}),
    ("EC2", None, {"HealthCheckType": "ELB", "HealthCheckGracePeriod": 300},
     {"HealthCheckType": "EC2", "HealthCheckGracePeriod": 0}),
    ("EBS", 600, {"HealthCheckType": "EBS,ELB"}, {"HealthCheckType": "EBS"}),
    ("EC2,VPC_LATTICE", 300, {"HealthCheckType": "VPC_LATTICE,ELB"}, {"HealthCheckType": "EC2,VPC_LATTICE"}),
])
def test_the_check_is_added(types: str, grace: int | None, made: dict[str, Any], undone: dict[str, Any]) -> None:
    [step] = plan_health(group(types, grace, "i-1"), 300, [{"i-1", "i-other"}]).steps
    assert step.call.parameters == {"AutoScalingGroupName": "web", **made}
    assert [each.parameters for each in step.undo({})] == [{"AutoScalingGroupName": "web", **undone}]


def test_a_group_that_has_it() -> None:
    assert not plan_health(group("EBS,ELB", 0, "i-1"), 300, [set()]).steps


@pytest.mark.parametrize("healthy", [[set()], [{"i-1"}], [{"i-1", "i-2"}, {"i-1"}]])
def test_instances_that_are_not_healthy(healthy: list[set[str]]) -> None:
    with pytest.raises(Refusal, match=r"sees (i-1, )?i-2 as not healthy"):
        plan_health(group("EC2", 300, "i-1", "i-2"), 300, healthy)
