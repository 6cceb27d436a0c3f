"""Settings of load balancers, firewalls, stacks, file systems, groups and accounts."""
from __future__ import annotations

from ..cloud import Cloud
from ..faults import Drift, State
from .scenarios import drifts, pulled

_DESYNC = "elb.http.desyncmitigationmode"


@drifts("elb", "change-settings")
def classic_load_balancers(cloud: Cloud) -> Drift:
    elb, names = cloud.client("elb"), ["one", "two"]
    for name in names:
        elb.create_load_balancer(LoadBalancerName=name, AvailabilityZones=["us-east-1a"], Listeners=[
            {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}])
        elb.modify_load_balancer_attributes(LoadBalancerName=name, LoadBalancerAttributes={
            "ConnectionDraining": {"Enabled": False, "Timeout": 60},
            "AdditionalAttributes": [{"Key": _DESYNC, "Value": "monitor"}]})

    def state() -> State:
        return {name: elb.describe_load_balancer_attributes(LoadBalancerName=name)["LoadBalancerAttributes"]
                for name in names}

    wanted = {"ConnectionDraining": {"Enabled": True, "Timeout": 300}, "CrossZoneLoadBalancing": {"Enabled": True},
              "AdditionalAttributes": [{"Key": _DESYNC, "Value": "defensive"}]}
    return Drift(
        pulled("elb", {"type": "change-settings", "settings": wanted}), names, state,
        lambda found: {name for name, value in wanted.items() if found[name] != value})
